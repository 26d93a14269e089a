"""What the modules for other projects share, without these projects."""

import json
import os
import subprocess
import sys
from pathlib import Path

from curate.publish.export.run import write_rows
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.helpers.releases import good

ROOT = Path(__file__).parents[2]
LIST = """
import sys
from curate.integrations.grading import iter_tasks, make_prompt
for task in iter_tasks(sys.argv[1], "train"):
    print(task.instance_id, make_prompt(task).splitlines()[0])
"""
CHEAP = """
import sys
before = set(sys.modules)
import curate
assert "evaluate" in dir(curate) and curate.__version__
loaded = set(sys.modules) - before
print(*sorted(name for name in loaded if name.startswith("curate")))
print(len(loaded))
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CURATE_DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_rows_that_are_no_tasks_are_left_out_and_named(tmp_path: Path) -> None:
    rows = make_table(TRAIN_COLUMNS, [good(7), good(8), good(9)])
    write_rows(rows, "verified", "jsonl", tmp_path / "rows.jsonl")
    first, second, third = map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())
    del second["test_command"]
    lines = "\n".join(map(json.dumps, (first, second, third)))
    (tmp_path / "rows.jsonl").write_text(lines)
    done = run(tmp_path, "-c", LIST, "rows.jsonl")
    said = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [name for name, _ in said] == ["owner__name-7", "owner__name-9"], done.stderr
    assert {text for _, text in said} == {
        "The repository owner/name is checked out at /testbed. Resolve this issue:"
    }
    assert "owner__name-8 is left out: " in done.stderr


def test_the_package_needs_no_other_project_until_it_is_asked(tmp_path: Path) -> None:
    assert run(tmp_path, "-c", "import curate; print(curate.__version__)").returncode == 0
    asked = run(tmp_path, "-c", "import curate; curate.CurateTaskset")
    assert "No module named 'verifiers'" in asked.stderr
    unknown = run(tmp_path, "-c", "import curate; curate.Taskset")
    assert "has no attribute 'Taskset'" in unknown.stderr


def test_the_import_costs_next_to_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", CHEAP)
    names, count = done.stdout.splitlines()
    assert set(names.split()) <= {"curate", "curate._version"}, done.stderr
    assert int(count) < 60  # of the standard library
