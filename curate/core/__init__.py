"""What all rooms share: records, errors, settings, names."""
