"""curate turns the public history of Python repositories into verified, executable tasks."""

__version__ = "0.1.0"
