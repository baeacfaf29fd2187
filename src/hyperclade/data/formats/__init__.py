"""Formats of files, one module each; `rows` has what feature files of all formats share."""
