"""A recipe drafted from a repository's own configuration."""
