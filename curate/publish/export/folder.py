"""A plain directory: rows as JSON Lines, plus lock and Dockerfiles of each instance."""

import json
from collections.abc import Iterator

from curate.releases.row import Row, get_str

FOLDER_FILES = {
    "README.md": """\
`rows.jsonl` has one instance per line. `images/<instance_id>/` has the inputs of its image: the
lock and one Dockerfile per layer, numbered from the base up; each is FROM the previous one. The
finished image is in the column `image`.
"""
}


def render_folder_row(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (relative path, content) of the files of *row*; `rows.jsonl` has a line of each."""
    yield "rows.jsonl", json.dumps(row, ensure_ascii=False) + "\n"
    folder = f"images/{get_str(row, 'instance_id')}"
    yield f"{folder}/lock.txt", get_str(row, "lock")
    layers = json.loads(get_str(row, "dockerfiles"))
    for number, (layer, dockerfile) in enumerate(layers.items(), 1):
        yield f"{folder}/{number}-{layer}.Dockerfile", dockerfile
