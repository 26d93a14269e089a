"""Pages that compare our verdicts with published rows, and the targets they print."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import Outcome
from curate.core.model import Rejection, Run, Validation, Verdict
from curate.store import Store
from tests.benchmarks import sharing, verdicts
from tests.benchmarks.targets import compute_targets
from tests.helpers.factories import make_validation


def judged(number: int, *fail_to_pass: str, pass_to_pass: Iterable[str] = ()) -> Validation:
    verdict = Verdict(fail_to_pass=fail_to_pass, pass_to_pass=tuple(pass_to_pass))
    return replace(make_validation(number), verdict=verdict)


def page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Iterable[dict[str, Any]], *more: str
) -> tuple[str, dict[str, str]]:
    file = tmp_path / "rows.jsonl"
    blank = {"repo": "owner/name", "FAIL_TO_PASS": [], "PASS_TO_PASS": []}
    file.write_text("".join(json.dumps(blank | row) + "\n" for row in rows))
    verdicts.main([str(file), "--data-dir", str(tmp_path / "data"), *more])
    lines = capsys.readouterr().out.splitlines()
    return "\n".join(lines), {
        line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("| ")
    }


def test_rows_are_compared_up_to_the_first_blank_of_an_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fallen = Rejection(stage="validate", reason="pass-to-fail")
    good = judged(1, "t.py::test_a[x y]").verdict
    with Store(tmp_path / "data") as store:
        for one in (
            judged(1, "t.py::test_a[x y]", "t.py::test_b"),
            judged(2, "t.py::test_a"),
            judged(3, "t.py::test_z"),
            replace(make_validation(4), verdict=replace(good, rejection=fallen)),
        ):
            store.save_validation("owner/name", one)
    names = [make_validation(number).instance_id for number in (1, 2, 4, 5)]
    rows = [{"instance_id": name, "FAIL_TO_PASS": ["t.py::test_a[x"]} for name in names]
    text, lines = page(tmp_path, capsys, rows)
    told = [lines[name].rsplit(" | ", 1)[1].strip(" |") for name in names]
    assert told == [
        "right, by an older recipe",
        "others fail, by an older recipe",
        "validate/pass-to-fail, by an older recipe",
        "not validated",
    ]
    assert "1 of 4 contain every published FAIL_TO_PASS;" in text
    assert (
        f"- `{names[2]}` (validate/pass-to-fail, by an older recipe): cause not looked into" in text
    )
    assert make_validation(3).instance_id not in lines
    _, lines = page(tmp_path, capsys, rows, "--more")
    assert lines[make_validation(3).instance_id].endswith("| verified, by an older recipe |")


def test_targets_scale_runs_to_the_usual_number() -> None:
    runs = tuple(
        Run(side=side, index=0, status="completed", outcomes={"t": Outcome.PASSED}, cpu_seconds=9)
        for side in ("before", "after")
    )
    found = {
        target.name: target.value * 3600
        for target in compute_targets([replace(judged(1, "t"), runs=runs)])
    }
    scaled = (
        found["mean work-hours, with 3 runs before and 3 after"] - found["mean work-hours, as run"]
    )
    assert round(scaled, 3) == 36
    assert list(compute_targets([])) == []


def test_environments_of_two_repositories_are_never_one() -> None:
    one = sharing.Count(candidates=2, planned=2, environments={("key",)})
    assert len(sharing.summed([one, one]).environments) == 2
    assert "| 4 | 4 | 2 | 0.50 |" in sharing.line("all", sharing.summed([one, one]))
