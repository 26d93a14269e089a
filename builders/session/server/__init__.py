"""The half of a session that is in the sandbox; standalone, Python 3.6 and later."""
