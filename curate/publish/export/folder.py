"""A plain folder: rows as JSON lines, and of each instance its lock and its Dockerfiles."""

import json
from collections.abc import Sequence

from curate.releases.row import Row, get_str

_README = """\
`rows.jsonl` has one instance a line. `images/<instance_id>/` has what its image was made of: the
lock and one Dockerfile a layer, numbered from the base up; each is FROM the one before it. The
finished image is the one that the row names.
"""


def render_folder(rows: Sequence[Row]) -> dict[str, str]:
    """Files by path of a folder that holds *rows*."""
    files = {
        "README.md": _README,
        "rows.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
    }
    for row in rows:
        folder = f"images/{get_str(row, 'instance_id')}"
        files[f"{folder}/lock.txt"] = get_str(row, "lock")
        layers = json.loads(get_str(row, "dockerfiles"))
        for number, (layer, dockerfile) in enumerate(layers.items(), 1):
            files[f"{folder}/{number}-{layer}.Dockerfile"] = dockerfile
    return files
