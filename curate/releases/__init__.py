"""Releases as files: columns, rows and their reading."""
