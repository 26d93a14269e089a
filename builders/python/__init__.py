"""Python interpreters: which one a commit needs, and where it is installed."""
