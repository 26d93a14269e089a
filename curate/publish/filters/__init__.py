"""Release filters: which rows a release includes."""
