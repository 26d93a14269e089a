"""Locks: requirements resolved as of a date, and adjusted where that fails."""
