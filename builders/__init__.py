"""Locks, images, sandboxes and the in-container reporter: from a commit to test outcomes."""
