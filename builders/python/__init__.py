"""Python interpreters: which version a commit needs, and where it is installed."""
