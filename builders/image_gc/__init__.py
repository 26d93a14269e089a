"""Garbage collection of images: inventory, last use, and what to remove."""
