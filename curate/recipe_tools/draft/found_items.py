"""How found values are collected: each once, without those that contain variables."""

import re

_UNKNOWN = re.compile(r"[${}%]|^-$")  # a variable of the job, or standard input


def add_file(files: list[str], path: str) -> None:
    """Add *path*; CI variables in the file name become `*`."""
    folder, slash, name = path.rpartition("/")
    append_unique(files, folder + slash + (name.replace("${}", "*") if len(name) > 8 else name))


def pop_value(queue: list[str]) -> str:
    """Remove and return the first word; "" if there is none."""
    return queue.pop(0) if queue else ""


def append_unique(items: list[str], item: str) -> None:
    """Add *item* if it is new and contains no variables."""
    item = re.sub(
        r"^(?:\{tox_?ini_?dir\}|\{tox_root\}|\$TRAVIS_BUILD_DIR|\$\{?GITHUB_WORKSPACE\}?)/",
        "",
        item,
    ).removeprefix("./")
    if item and not _UNKNOWN.search(item) and item not in items:
        items.append(item)
