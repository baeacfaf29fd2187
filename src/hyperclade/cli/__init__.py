"""The commands of `hyperclade`: each reads files, calls the library and writes files."""
