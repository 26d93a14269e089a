"""A plain directory: rows as JSON Lines, plus lock and Dockerfiles of each instance."""

import json
from collections.abc import Iterator
from importlib.resources import files

from curate.releases.row import Row, get_str

FOLDER_FILES = {
    "README.md": """\
`rows.jsonl` has one instance per line. `images/<instance_id>/` has the inputs of its image: the
lock, one Dockerfile per layer, numbered from the base up (each is FROM the previous one), and in
`context` what their steps read. `./build.sh <instance_id>` builds the image from these files. The
finished image is in the column `image`.
""",
    "build.sh": files("curate.publish").joinpath("templates/build.sh").read_text(encoding="utf-8"),
}


def render_folder_row(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (relative path, content) of the files of *row*; `rows.jsonl` has a line of each."""
    yield "rows.jsonl", json.dumps(row, ensure_ascii=False) + "\n"
    folder = f"images/{get_str(row, 'instance_id')}"
    yield f"{folder}/lock.txt", get_str(row, "lock")
    yield f"{folder}/source", f"{get_str(row, 'repo')} {get_str(row, 'base_commit')}\n"
    layers = json.loads(get_str(row, "dockerfiles"))
    for number, (layer, dockerfile) in enumerate(layers.items(), 1):
        yield f"{folder}/{number}-{layer}.Dockerfile", dockerfile
    for name, text in json.loads(get_str(row, "build_files")).items():
        yield f"{folder}/context/{name}", text
