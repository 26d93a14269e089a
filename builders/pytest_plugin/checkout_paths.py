"""Where the checkout is. Standalone, for Python 3.6 and later."""

import os


def find_checkout(folder: str) -> str:
    """Return the nearest folder from *folder* upwards that is a git repository, else *folder*.

    The path ends with a separator.
    """
    parent = os.path.abspath(folder)  # noqa: PTH100
    while not os.path.exists(os.path.join(parent, ".git")):  # noqa: PTH110, PTH118
        if parent == os.path.dirname(parent):  # noqa: PTH120
            return os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118
        parent = os.path.dirname(parent)  # noqa: PTH120
    return os.path.join(parent, "")  # noqa: PTH118
