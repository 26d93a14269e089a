"""Releases as files: columns, rows, and how to read them."""
