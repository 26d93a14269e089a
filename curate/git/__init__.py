"""Local bare mirrors, read in bulk by long-lived git processes."""
