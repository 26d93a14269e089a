"""Processes, temporary directories and locks of this machine."""
