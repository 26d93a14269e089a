"""What facts mean: pure functions from what was found to a check with its remedy."""
