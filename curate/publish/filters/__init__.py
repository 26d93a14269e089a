"""Which rows a release holds."""
