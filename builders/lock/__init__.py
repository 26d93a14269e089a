"""Locks: requirements resolved as of a date, and adjusted where they cannot be as declared."""
