"""Where releases and exports may be written, and in which format; nothing ends in a traceback."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet
import pytest

from curate.store import Store
from tests.helpers.image_push import save_verified
from tests.helpers.terminal import Curate, Typed, typed

RELEASE = ("publish", "--allow-local-images", "--no-verify", "--output")
HARBOR = ("export", "--format", "harbor")


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    """Commands in a folder with a store of three instances, a file, and a folder with a file."""
    with Store(tmp_path / "data") as store:
        for number in (1, 2, 3):
            save_verified(store, number, f"curate/i:{number}", f"sha256:{number}")
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("years of work")
    (tmp_path / "full/rows.jsonl").mkdir()

    def run(*arguments: str) -> Typed:
        return typed(arguments, tmp_path, {"COLUMNS": "200"})

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "full"), "No format is known for full"),
        (("export", "rows.xlsx"), "Formats: .jsonl, .ndjson, .parquet by suffix"),
        (("export", "rows"), "--format swebench, harbor, folder"),
        (("export", "--format", "jsonl", "rows.parquet"), "not named like format jsonl"),
        (("export", "--format", "parquet", "rows.csv"), "not named like format parquet"),
        (("export", "--format", "jsonl", "full"), "full is a directory"),
        (("export", "full/rows.jsonl"), "full/rows.jsonl is a directory"),
        (("export", "file/rows.jsonl"), "file/rows.jsonl cannot be written: Not a directory"),
        (("export", "file/rows.parquet"), "cannot be written: Not a directory"),
        (("export", "absent/rows.parquet"), "Directory absent does not exist"),
        (("export", "/proc/rows.parquet"), "/proc/rows.parquet cannot be written"),
        (("export", "--format", "parquet", "-"), "standard output"),
        ((*HARBOR, "rows.parquet"), "not named like format harbor"),
        ((*HARBOR, "file"), "file is not a directory"),
        ((*HARBOR, "file/tasks"), "file/tasks cannot be written: Not a directory"),
        ((*HARBOR, "full"), "full is not empty"),
        ((*HARBOR, "/proc/tasks"), "/proc/tasks cannot be written"),
        (("export", "--registry", "https://r.example", "rows.jsonl"), "Invalid registry"),
        ((*RELEASE, "file"), "file is not a directory"),
        ((*RELEASE, "file/release"), "file/release cannot be written: Not a directory"),
        ((*RELEASE, "full"), "neither empty nor a release"),
        ((*RELEASE, "/proc/release"), "/proc/release cannot be written"),
        ((*RELEASE, "release.parquet"), "curate export rows.parquet"),
        ((*RELEASE, "new", "--where", "pull_number > 9"), "would have no instance"),
        ((*RELEASE, "new", "--subset", "a=1", "--subset", "a=2"), "Two --subset options"),
        (("rebuild", "--output", "file/release"), "file/release cannot be written"),
        (("rebuild", "--output", "full"), "neither empty nor a release"),
        (("publish", "--output", "new"), "3 of 3 images exist only on this machine"),
        (("publish", "--registry", "ghcr.io/My-Lab"), "ghcr.io/my-lab"),
        (("publish", "images", "--registry", "ghcr.io/x y"), "Invalid registry"),
        (("publish", "--hub", "a b/c"), "Invalid dataset name"),
        (("publish", "diff", "--hub", ""), "Invalid dataset name"),
        (("publish", "push", "--hub", "a/b--c"), "Invalid dataset name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_written_is_refused_and_nothing_is_lost(
    curate: Curate, tmp_path: Path, arguments: Sequence[str], words: str
) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if "data" not in path.parts)
    done = curate(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert sorted(path for path in tmp_path.rglob("*") if "data" not in path.parts) == before
    assert (tmp_path / "full/thesis.txt").read_text() == "years of work"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("command", [("export",), RELEASE])
def test_a_folder_that_is_not_ours_is_a_question_of_permission(
    curate: Curate, tmp_path: Path, command: Sequence[str]
) -> None:
    (tmp_path / "full").chmod(0o500)
    done = curate(*command, "full/new.jsonl" if command == ("export",) else "full/new")
    assert done.returncode == 5, done.stderr
    assert "Permission denied" in done.stderr


def test_the_suffix_is_the_format(curate: Curate, tmp_path: Path) -> None:
    for name in ("rows.parquet", "ROWS.PARQUET", "rows.jsonl", "rows.ndjson"):
        done = curate("export", name)
        assert done.returncode == 0, done.stderr
        assert "3 rows written" in done.stderr
        assert "3 of 3 images exist only on this machine" in done.stderr
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet").num_rows == 3
    assert pyarrow.parquet.read_table(tmp_path / "ROWS.PARQUET").num_rows == 3
    for name in ("rows.jsonl", "rows.ndjson"):
        lines = (tmp_path / name).read_text().splitlines()
        assert [json.loads(line)["pull_number"] for line in lines] == [1, 2, 3]
    assert curate("export", "--format", "jsonl", "pool").returncode == 0
    assert (tmp_path / "pool").read_bytes() == (tmp_path / "rows.jsonl").read_bytes()


def test_a_release_tells_its_rows(curate: Curate, tmp_path: Path) -> None:
    done = curate(*RELEASE, "v1.2", "--where", "pull_number < 3", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == {"train": 2, "raw": 3}
    assert "v1.2: train 2 rows, raw 3 rows; 0 excluded" in done.stderr
    card = (tmp_path / "v1.2/README.md").read_text()
    assert 'dataset = "path/to/v1.2"' in card
    assert "load_dataset(dataset, split=" in card
    assert "local/" not in card


def test_images_are_those_of_the_release(curate: Curate, tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text("[text]\nmin_words = 11\nmax_words = 12\n")
    for options, count in (
        ((), 3),
        (("--where", "pull_number < 3"), 2),
        (("--release-filters", "long.toml"), 1),
    ):
        done = curate(
            "publish", "images", "--registry", "r.example", "--dry-run", "--json", *options
        )
        assert json.loads(done.stdout)["images_to_send"] == count, done.stderr
