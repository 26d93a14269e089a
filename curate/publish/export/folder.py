"""A plain folder: rows as JSON lines, and of each instance its lock and its Dockerfiles."""

import json
from collections.abc import Sequence

from curate.releases.row import Row, text

_README = """\
`rows.jsonl` has one instance a line. `images/<instance_id>/` has what its image was made of: the
lock and one Dockerfile a layer, numbered from the base up; each is FROM the one before it. The
finished image is the one that the row names.
"""


def folder_files(rows: Sequence[Row]) -> dict[str, str]:
    """Files by path of a folder that holds *rows*."""
    files = {
        "README.md": _README,
        "rows.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
    }
    for row in rows:
        folder = f"images/{text(row, 'instance_id')}"
        files[f"{folder}/lock.txt"] = text(row, "lock")
        layers = json.loads(text(row, "dockerfiles"))
        for number, (layer, dockerfile) in enumerate(layers.items(), 1):
            files[f"{folder}/{number}-{layer}.Dockerfile"] = dockerfile
    return files
