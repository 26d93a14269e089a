"""Node ids of pytest as they are stored. Standalone, for Python 3.6 and later."""


def escape_node_id(name: str) -> str:
    """Return a node id with what UTF-8 cannot encode escaped; "." for that of the session."""
    return (name or ".").encode("utf-8", "backslashreplace").decode("utf-8")
