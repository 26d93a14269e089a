"""Compares what curate said with what the sample's pulls expect; differences as sentences."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.demo.sample import VERIFIED, Sample, SamplePull


def funnel_differences(sample: Sample, status: Mapping[str, Any]) -> list[str]:
    """Where `curate status --json` and the expected funnel differ."""
    repositories = status.get("repositories", {})
    if sample.name not in repositories:
        return [f"status knows {sorted(repositories)} and not {sample.name}"]
    expected, found = sample.expected_funnel(), repositories[sample.name]
    wrong = [
        f"{key}: expected {expected[key]}, found {found.get(key)}"
        for key in ("pulls", "candidates", "verified")
        if found.get(key) != expected[key]
    ]
    old, new = expected["rejected"], found.get("rejected", {})
    assert isinstance(old, dict)
    reasons = sorted({*old, *new})
    return wrong + [
        f"rejected {reason}: expected {old.get(reason, 0)}, found {new.get(reason, 0)}"
        for reason in reasons
        if old.get(reason, 0) != new.get(reason, 0)
    ]


def pull_differences(pull: SamplePull, shown: Mapping[str, Any]) -> list[str]:
    """Where `curate show ID --json` differs from what *pull* expects."""
    validation = shown.get("validation")
    verdict = validation["verdict"] if validation else {}
    why = shown.get("rejection") or verdict.get("rejection")
    said = f"{why['stage']}/{why['reason']}" if why else VERIFIED if validation else "not validated"
    if said != pull.expected:
        detail = f" ({why['detail']})" if why and why["detail"] else ""
        return [f"#{pull.number}: expected {pull.expected}, found {said}{detail}"]
    found = sorted(verdict.get("fail_to_pass", ()))
    wrong = []
    if pull.expected == VERIFIED and found != sorted(pull.fail_to_pass):
        wrong.append(f"#{pull.number}: FAIL_TO_PASS {found}, expected {sorted(pull.fail_to_pass)}")
    flaky = sorted(verdict.get("flaky_tests", ()))
    if pull.expected == VERIFIED and flaky != sorted(pull.flaky):
        wrong.append(f"#{pull.number}: flaky tests {flaky}, expected {sorted(pull.flaky)}")
    untested = (validation.get("test_strength") or {}).get("untested") if validation else None
    if pull.expected == VERIFIED and untested != list(pull.untested):
        wrong.append(f"#{pull.number}: untested {untested}, expected {list(pull.untested)}")
    return wrong


def row_differences(sample: Sample, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where the published rows differ from the verified pulls."""
    expected = {
        f"{sample.name.replace('/', '__')}-{pull.number}": sorted(pull.fail_to_pass)
        for pull in sample.pulls
        if pull.expected == VERIFIED
    }
    found = {row["instance_id"]: _exact(row) for row in rows}
    return [
        f"published {name}: expected {expected.get(name)}, found {found.get(name)}"
        for name in sorted({*expected, *found})
        if found.get(name) != expected.get(name)
    ]


def _exact(row: Mapping[str, Any]) -> list[str]:
    names: Sequence[str] = row.get("fail_to_pass_node_ids") or row["FAIL_TO_PASS"]
    return sorted(names)


def sandbox_of(shown: Iterable[Mapping[str, Any]]) -> str:
    """Which sandboxes served, of the `curate show --json` documents, for a human."""
    validations = [one["validation"] for one in shown if one.get("validation")]
    backends = {v["environment"]["backend"] for v in validations if v.get("environment")}
    return re.sub(r"\blocal\b", "local (not isolated)", ", ".join(sorted(backends))) or "none"
