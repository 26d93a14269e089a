"""Test runs before and after the gold patch, and the verdict on a candidate."""
