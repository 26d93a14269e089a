"""Print the metadata of the projects that are installed from a checkout; runs in a sandbox.

The output has a line with a marker and JSON for each: `metadata` and `requires` as in `ask.py`, and
`folder`, the project's folder when it was installed. It runs on Python 3.6 and later.
"""

import json
import os
import sys
from glob import glob
from typing import Any
from urllib.parse import unquote, urlsplit

MARKER = "curate-metadata: "
MAX_BYTES = 1 << 20


def find_projects() -> Any:
    """Yield (folder of metadata, folder of the project) of what is installed from a folder."""
    for place in sys.path:
        for file in glob(os.path.join(place, "*.dist-info", "direct_url.json")):
            url = json.loads(read_text(file)).get("url", "")
            yield os.path.dirname(file), os.path.realpath(unquote(urlsplit(url).path))
        for file in glob(os.path.join(place, "*.egg-link")):
            path, above = [*read_text(file).split("\n"), "."][:2]
            for source in glob(os.path.join(path, "*.egg-info")):
                yield source, os.path.realpath(os.path.join(path, above))


def read_text(path: str) -> str:
    """Return the text of a file, "" if there is none; a longer one is cut."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        return file.read(MAX_BYTES).decode("utf-8", "replace")


def main() -> None:
    """Print a line for each project."""
    for source, folder in find_projects():
        is_wheel = source.endswith(".dist-info")
        answer = {
            "metadata": read_text(os.path.join(source, "METADATA" if is_wheel else "PKG-INFO")),
            "requires": None if is_wheel else read_text(os.path.join(source, "requires.txt")),
            "folder": folder,
        }
        print("\n" + MARKER + json.dumps(answer))


if __name__ == "__main__":
    main()
