"""Sandboxes that stay: one shell for many commands, with snapshots of their files."""
