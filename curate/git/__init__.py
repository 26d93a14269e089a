"""Local bare mirrors, read in bulk through long-lived git processes."""
