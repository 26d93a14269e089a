"""curate turns the public history of Python repositories into verified, executable tasks."""

try:  # The build writes this module, as does `make setup`. Package metadata is slower to read.
    from curate._version import __version__
except ImportError:  # a source tree that nobody has built
    __version__ = "0+unknown"

__all__ = ["__version__"]
