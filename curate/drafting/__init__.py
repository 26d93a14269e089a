"""Drafts recipes: what a repository's own CI installs and runs, read at several dates."""
