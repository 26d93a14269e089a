"""Releases in the environments of other projects: one module for each, which needs its package."""
