"""What PyPI's `swebench eval`, unmodified, says of a release: gold and patches that mend nothing.

    python -m tests.benchmarks.evaluated TRAIN.parquet --swebench COMMAND [-j 2]

Images are taken from the engine, or pulled from where the rows say. The empty patch is called
unresolved without a run, so an idle one that adds a text file is tried, too. A spoilt one is gold
plus a pytest.ini that leaves out a PASS_TO_PASS test; it is tried where the checkout has no such
file (gold's own settings may change with it, too, so more tests than that one may fail).
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.helpers.swebench import BREAKING, evaluate, predicted

Row = Mapping[str, Any]
IDLE = """\
diff --git a/idle.txt b/idle.txt
new file mode 100644
--- /dev/null
+++ b/idle.txt
@@ -0,0 +1 @@
+This mends nothing.
"""
LISTS = ("FAIL_TO_PASS", "PASS_TO_PASS")


def main(arguments: list[str] | None = None) -> None:
    """Print a line a row and the three counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluated")
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--swebench", default="swebench")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    rows = pq.read_table(options.parquet).to_pylist()
    tried = {
        "gold": None,
        "empty": dict.fromkeys((row["instance_id"] for row in rows), ""),
        "idle": dict.fromkeys((row["instance_id"] for row in rows), IDLE),
        "spoilt": {row["instance_id"]: spoilt(row) for row in rows if can_be_spoilt(row)},
    }
    answers = {
        name: evaluated(options.swebench, options.parquet.absolute(), patches, options.jobs)
        for name, patches in tried.items()
    }
    print(f"| instance | FAIL_TO_PASS | PASS_TO_PASS | odd ids | {' | '.join(tried)} |")
    print(f"| --- | --- | --- | --- |{' --- |' * len(tried)}")
    for row in rows:
        told = [answers[name].get(row["instance_id"], "not tried") for name in tried]
        counts = [str(len(row[name])) for name in LISTS]
        print(f"| {row['instance_id']} | {' | '.join(counts)} | {odd(row)} | {' | '.join(told)} |")
    for name, answer in answers.items():
        resolved = sum(each.startswith("resolved") for each in answer.values())
        print(f"\n{name}: {resolved} of {len(answer)} resolved", end="")
    print()


def odd(row: Row) -> int:
    """Ids that SWE-bench's log parsers would not carry as they are."""
    exact = [*row["fail_to_pass_node_ids"], *row["pass_to_pass_node_ids"]]
    return sum(" " in name or "\\" in name or not name.isascii() for name in exact)


def can_be_spoilt(row: Row) -> bool:
    """Whether the row has a test to lose, and its image no pytest.ini."""
    plain = [name for name in row["pass_to_pass_node_ids"] if '"' not in name]
    return bool(plain) and not _has_settings(row["image"])


def spoilt(row: Row) -> str:
    """Gold that loses one PASS_TO_PASS test."""
    plain = [name for name in row["pass_to_pass_node_ids"] if '"' not in name]
    return str(row["patch"] + BREAKING.format(broken=plain[0]))


def evaluated(
    swebench: str, parquet: Path, patches: Mapping[str, str] | None, jobs: int
) -> dict[str, str]:
    """By instance id what became of it; None = gold."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        given = ["--gold"] if patches is None else ["-p", predicted(folder, patches)]
        report = evaluate(swebench, folder, parquet, *given, jobs=jobs)
        names = report["submitted_ids"]
        states = ("resolved", "unresolved", "empty_patch", "error")
        states_of = {name: s for s in states for name in report.get(f"{s}_ids", ())}
        found = sorted(folder.rglob("report.json"))
        tests = {
            name: told for path in found for name, told in json.loads(path.read_text()).items()
        }
    return {name: f"{states_of.get(name, '?')}{_tests(tests.get(name))}" for name in names}


def _tests(told: Mapping[str, Any] | None) -> str:
    """How many tests of each list were as they must be."""
    if not told or "tests_status" not in told:
        return ""
    status = told["tests_status"]
    counts = [[len(status[name][end]) for end in ("success", "failure")] for name in LISTS]
    return f" ({', '.join(f'{good}/{good + bad}' for good, bad in counts)})"


def _has_settings(image: str) -> bool:
    command = [
        "docker",
        "run",
        "--rm",
        "--network=none",
        image,
        "test",
        "-e",
        "/testbed/pytest.ini",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
