"""Which attempts are good enough to learn from, and where they are read from."""

import json
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import ConfigurationError, NotFoundError
from curate.process.attempts import InvalidAttempt, RawAttempt, iter_attempts
from curate.process.location_rate import LocationRate, TaggedLocations
from curate.process.patch_similarity import compute_patch_similarity
from curate.process.sampling import (
    Attempt,
    Gold,
    SamplingRules,
    compute_location_overlap,
    judge_attempt,
)
from curate.process.sampling_presets import PRESETS
from curate.process.swe_gpt_runs import read_run

HEAD = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
PATCH = HEAD + b"-return height\n+return height + 1\n"


def tagged(path: str, *tags: str) -> TaggedLocations:
    return TaggedLocations(path=path, tags=tags)


FLY = tagged("a.py", "<function>fly</function>")


def attempt(**changes: Any) -> Attempt:
    values = {"instance_id": "o__n-1", "name": "1", "locations": (FLY,), "patch": PATCH}
    return Attempt(**{**values, **changes})


@pytest.mark.parametrize(
    ("patch", "gold", "similarity"),
    [
        (PATCH, PATCH, 1.0),
        (b"", b"", 1.0),
        (b"", PATCH, 0.0),
        (HEAD + b"+other\n", PATCH, 0.0),
        (HEAD.replace(b"a.py", b"b.py") + b"-return height\n+return height + 1\n", PATCH, 1.0),
        (HEAD + b" context\n-return height\n+return  height+1\n", PATCH, 1.0),  # words alone
        # 1 word: 5 of 7; 2: 3 of 5; 3: 1 of 3; 4: 0 of 2
        (HEAD + b"-return height\n+return height + 2\n", PATCH, (5 / 7 + 3 / 5 + 1 / 3 + 0) / 4),
        (HEAD + b"+a\n", HEAD + b"-a\n", 0.0),  # added is not removed
    ],
)
def test_similarity_of_patches(patch: bytes, gold: bytes, similarity: float) -> None:
    assert compute_patch_similarity(patch, gold) == pytest.approx(similarity)
    assert compute_patch_similarity(gold, patch) == pytest.approx(similarity)


@pytest.mark.parametrize(
    ("predicted", "gold", "overlap"),
    [
        ([], [], None),
        ([FLY], [], 0.0),
        ([FLY], [FLY], 1.0),
        ([tagged("/a.py", "<function>fly</function>")], [FLY], 1.0),
        ([tagged("b.py", "<function>fly</function>")], [FLY], 0.0),
        ([tagged("a.py", "<function>fly</function>", "<class>C</class>")], [FLY], 0.5),
        (
            [tagged("a.py", "<code_snippets>LIMIT = 3\n</code_snippets>")],
            [tagged("a.py", "<code_snippets>import os\nLIMIT = 3\n</code_snippets>")],
            1.0,
        ),
    ],
)
def test_overlap_of_locations(
    predicted: list[TaggedLocations], gold: list[TaggedLocations], overlap: float | None
) -> None:
    assert compute_location_overlap(predicted, gold) == overlap


@pytest.mark.parametrize(
    ("made", "reasons"),
    [
        (attempt(), ()),
        (attempt(is_resolved=True), ()),
        (attempt(is_resolved=False), ("tests-failed",)),
        (attempt(locations=()), ("location-overlap",)),
        (attempt(patch=b""), ("no-patch", "patch-similarity")),
        (attempt(patch=HEAD + b"+other\n", locations=()), ("location-overlap", "patch-similarity")),
    ],
)
def test_the_preset_of_swe_gpt(made: Attempt, reasons: tuple[str, ...]) -> None:
    decision = judge_attempt(made, Gold(locations=(FLY,), patch=PATCH), PRESETS["lingma"])
    assert decision.reasons == reasons
    assert decision.is_selected == (not reasons)


def test_a_preset_names_the_rules_that_could_not_be_verified() -> None:
    rules = PRESETS["lingma"]
    assert {"min_location_overlap", "min_patch_similarity"} <= {*rules.unverified}
    assert "2411.00622" in rules.source


def test_tests_that_must_pass_must_have_run() -> None:
    gold, rules = Gold(locations=(FLY,), patch=PATCH), SamplingRules(tests="passed")
    assert judge_attempt(attempt(), gold, rules).reasons == ("tests-not-run",)
    assert judge_attempt(attempt(is_resolved=True), gold, rules).is_selected
    assert judge_attempt(attempt(is_resolved=False), gold, SamplingRules()).is_selected


def write_run(folder: Path) -> None:
    """Write what SWE-GPT's program leaves of an instance."""
    folder.mkdir(parents=True)
    review = {"reason": "x", "bug_locations": [{"file": "a.py", "class": "C", "method": "fly"}]}
    proxies: dict[str, dict[str, object]] = {
        "0": {"API_calls": ["search_method('fly')"], "bug_locations": []},
        "10": {"API_calls": [], "bug_locations": [{"file": "a.py", "method": "fly"}]},
        "9": {"API_calls": [], "bug_locations": [{"file": "b.py", "method": "swim"}]},
    }
    rate = {"file": 1.0, "function": 1.0, "line": -1, "function_line": 1.0}
    info = {"instance_id": "o__n-1", "base_commit": "a" * 40, "problem_statement": "It falls."}
    files: dict[str, object] = {
        "meta.json": {"task_id": "o__n-1", "setup_info": {}, "task_info": info},
        "agent_file_location.json": talk({"files_to_modify": ["/a.py", "/b.py"]}),
        "agent_specific_content_location.json": talk(review),
        **{f"agent_proxy_{number}.json": [talk(it)] for number, it in proxies.items()},
        "locations_rate.json": {"from_patch": rate},
        "locations_rate_from_repo_review.json": {"from_repo_review": {**rate, "function": 2.0}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "extracted_patch_1.diff").write_bytes(b"first")
    (folder / "extracted_patch_2.diff").write_bytes(PATCH)
    (folder / "developer_patch.diff").write_bytes(PATCH)


def talk(answer: object) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": json.dumps(answer)},
    ]


def test_a_run_of_swe_gpt_is_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert (run.instance_id, run.files) == ("o__n-1", ("a.py", "b.py"))
    assert run.review_locations == (FLY,)
    assert run.final_locations == (FLY,)  # of the last proxy by number
    assert run.patch == run.gold == PATCH
    assert run.rates == {
        "from_patch": LocationRate(file=1, function=1, line=-1, function_line=1),
        "from_repo_review": LocationRate(file=1, function=2, line=-1, function_line=1),
    }


def test_a_directory_of_runs_is_attempts(tmp_path: Path) -> None:
    write_run(tmp_path / "experiment/point/applicable_patch/o__n-1_2024")
    (tmp_path / "experiment/broken").mkdir()
    (tmp_path / "experiment/broken/meta.json").write_text("[1")
    broken, made = iter_attempts(tmp_path / "experiment")
    assert isinstance(broken, InvalidAttempt) and broken.place == "broken"
    assert isinstance(made, RawAttempt)
    assert (made.instance_id, made.name, made.patch) == ("o__n-1", "o__n-1_2024", PATCH)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no run"):
        list(iter_attempts(tmp_path / "empty"))


def test_lines_are_attempts(tmp_path: Path) -> None:
    rows = [
        {"instance_id": "a", "model_patch": "x", "attempt": 3, "resolved": True},
        {
            "instance_id": "b",
            "model_patch": None,
            "bug_locations": [{"file": "a.py", "method": "fly"}],
        },
        {"instance_id": "c", "bug_locations": "a.py"},
        {"instance_id": "d", "resolved": "yes"},
        {"model_patch": ""},
        [],
    ]
    file = tmp_path / "attempts.jsonl"
    file.write_bytes("\n".join(map(json.dumps, rows)).encode() + b"\n\n\xff\n" + b"[" * 100_000)
    first, second, *rest = iter_attempts(file)
    assert first == RawAttempt(
        instance_id="a", name="3", locations=None, patch=b"x", is_resolved=True
    )
    assert isinstance(second, RawAttempt)
    assert (second.name, second.locations, second.patch) == ("line 2", (FLY,), b"")
    assert [it.place for it in rest if isinstance(it, InvalidAttempt)] == [
        f"line {number}" for number in (3, 4, 5, 6, 8, 9)
    ]
    with pytest.raises(NotFoundError):
        list(iter_attempts(tmp_path / "none.jsonl"))
