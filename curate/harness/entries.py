"""Files and links of a checkout, to be put back as they were.

Part of the script `prepare_checkout.py`: stands alone, Python 3.6 and later.
"""

import os
import shutil
import stat
from typing import Any


def read_entry(path: str) -> Any:
    """Return ("link", target), or ("file", content, is executable); None if there is neither."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return "link", os.readlink(path)
    if not stat.S_ISREG(mode):
        return None
    with open(path, "rb") as stream:
        return "file", stream.read(), bool(mode & stat.S_IXUSR)


def put_back(folder: str, path: str, entry: Any) -> bool:
    """Make *path* in *folder* what *entry* says; return whether it was something else."""
    target = os.path.join(folder, path)
    is_direct = _remove_obstacles(folder, path, is_needed=entry is not None)
    if is_direct and read_entry(target) == entry and (entry or not os.path.lexists(target)):
        return False
    if os.path.isdir(target) and not os.path.islink(target):
        shutil.rmtree(target)
    elif os.path.lexists(target):
        os.unlink(target)
    if entry is None:
        return True
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if entry[0] == "link":
        os.symlink(entry[1], target)
        return True
    with open(target, "wb") as stream:
        stream.write(entry[1])
    os.chmod(target, 0o755 if entry[2] else 0o644)
    return True


def _remove_obstacles(folder: str, path: str, *, is_needed: bool) -> bool:
    """Remove links and files that are in the place of the folders of *path*, if it *is_needed*.

    Returns False if there was one, so that *path* was not below *folder*.
    """
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        above = os.path.join(folder, *parts[:count])
        if os.path.islink(above) or os.path.isfile(above):
            if is_needed:
                os.unlink(above)
            return False
    return True
