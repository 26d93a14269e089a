"""The quick start: an invented project, its history, and every command run on it for real."""
