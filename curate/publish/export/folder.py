"""A plain directory: rows as JSON Lines, plus lock and Dockerfiles of each instance."""

import json
from collections.abc import Sequence

from curate.releases.row import Row, get_str

_README = """\
`rows.jsonl` has one instance per line. `images/<instance_id>/` has the inputs of its image: the
lock and one Dockerfile per layer, numbered from the base up; each is FROM the previous one. The
finished image is in the column `image`.
"""


def render_folder(rows: Sequence[Row]) -> dict[str, str]:
    """Return the files (content by relative path) of a directory with *rows*."""
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
