"""Sandboxes for test commands: containers, or folders of this machine."""
