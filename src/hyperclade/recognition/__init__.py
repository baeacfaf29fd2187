"""Structured recognition: labels with a taxonomy, for features, images and pixels (HVSA and others)."""
