"""The report of a night as Markdown for people, and as one JSON document for scripts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from curate.publish.diff import SplitDiff
from curate.publish.diff_text import render_diff
from curate.workflows.night import NightReport, RepositoryResult
from curate.workflows.night_base import describe_moved_base

TITLE = "# Nightly rebuild"
_STATES = frozenset({"up_to_date", "left"})  # not what a job did, but what it saw
_DRIFT_HEAD = (
    "These instances no longer behave as they were published. Tests that turned flaky are in"
    " neither list of the next release; instances whose gold patch no longer passes, or whose image"
    " is gone, are left out of it."
)
_COLUMNS = (
    "repository", "PRs", "issues", "new", "changed", "removed", "verified", "rejected", "errors",
    "left", "flaky tests", "requests", "points", "core-s", "fetched MB", "image MB", "s",
)  # fmt: skip
_COUNTED = (
    "requests", "points", "fetched_bytes", "pulls", "issues", "new_candidates",
    "changed_candidates", "removed_candidates", "attempted", "verified", "rejected", "errors",
    "flaky_tests", "core_seconds", "image_bytes", "up_to_date", "seconds",
)  # fmt: skip


def make_document(report: NightReport) -> dict[str, Any]:
    """Return the report as values that JSON has."""
    return {
        "new": report.is_new,
        "out_of_time": report.is_out_of_time,
        "seconds": round(report.seconds, 1),
        "totals": _add_up(report.repositories),
        "repositories": {it.repo: asdict(it) for it in report.repositories},
        "release": asdict(report.release) if report.release else None,
        "certification": report.certification.to_document() if report.certification else None,
        "base_images": asdict(report.base_images) if report.base_images else None,
        "problems": {name: asdict(it) for name, it in report.all_problems.items()},
    }


def render_report(document: Mapping[str, Any]) -> str:
    """Return the Markdown of a document of `make_document`, or of several that were merged."""
    parts = [TITLE, _summarize(document)]
    if document["problems"]:
        parts += ["## Problems", _list_problems(document["problems"])]
    if document["repositories"]:
        parts += ["## Repositories", _make_table(document)]
    if reasons := _count_reasons(document):
        parts += ["## Rejections by reason", _make_list(reasons)]
    parts += ["## Release", _describe_release(document["release"])]
    if document["certification"] is not None:
        parts += ["## Certification", _describe_certification(document["certification"])]
    if bases := _describe_base_images(document.get("base_images")):
        parts += ["## Base images", _make_list(bases)]
    return "\n\n".join(parts) + "\n"


def merge_documents(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one document of those of several jobs, in their order.

    Of several jobs on a repository the counts are added; what is left is as the last job saw it,
    as are the release and the drift that stands.
    """
    repositories: dict[str, dict[str, Any]] = {}
    for one in documents:
        for name, it in one["repositories"].items():
            known = repositories.get(name)
            repositories[name] = _add_results(known, it) if known else dict(it)
    problems = {name: it for one in documents for name, it in one["problems"].items()}
    certified = [one["certification"] for one in documents if one["certification"] is not None]
    releases = [one["release"] for one in documents if one["release"] is not None]
    bases = [it for one in documents if (it := one.get("base_images")) is not None]
    return {
        "new": any(one["new"] for one in documents),
        "out_of_time": documents[-1]["out_of_time"],
        "seconds": round(sum(one["seconds"] for one in documents), 1),
        "totals": {key: sum(it[key] for it in repositories.values()) for key in _COUNTED},
        "repositories": repositories,
        "release": releases[-1] if releases else None,
        "certification": _merge_certifications(certified),
        "base_images": bases[-1] if bases else None,
        "problems": problems,
    }


def _add_results(one: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of two jobs on a repository."""
    added = {key: one[key] + later[key] for key in _COUNTED if key not in _STATES}
    reasons = dict(Counter(one["reasons"]) + Counter(later["reasons"]))
    problem = one["problem"] or later["problem"]
    return {**later, **added, "reasons": reasons, "problem": problem}


def _merge_certifications(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not parts:
        return None
    counts = Counter[str]()
    for part in parts:
        counts.update(part["counts"])
    return {
        "certified": [name for part in parts for name in part["certified"]],
        "counts": dict(counts),
        "drift": [it for part in parts for it in part["drift"]],
        "standing": parts[-1]["standing"],
        "errors": {name: it for part in parts for name, it in part["errors"].items()},
        "left": sum(part["left"] for part in parts),
    }


def _add_up(results: Sequence[RepositoryResult]) -> dict[str, float]:
    return {name: sum(getattr(it, name) for it in results) for name in _COUNTED}


def _summarize(document: Mapping[str, Any]) -> str:
    totals = document["totals"]
    if not document["new"]:
        text = "Nothing is new."
    else:
        text = (
            f"{totals['pulls']:,} PRs and {totals['issues']:,} issues are new or changed;"
            f" {totals['new_candidates']:,} new candidates, {totals['changed_candidates']:,}"
            f" changed, {totals['removed_candidates']:,} removed;"
            f" {totals['attempted']:,} attempted: {totals['verified']:,} verified,"
            f" {totals['rejected']:,} rejected."
        )
    if document["out_of_time"]:
        text += " The time limit was reached; the next call continues."
    return text + (
        f"\n\nCost: {totals['requests']:,} requests and {totals['points']:,} points of GitHub,"
        f" {totals['core_seconds']:,.0f} core-seconds,"
        f" {_megabytes(totals['fetched_bytes'])} MB fetched,"
        f" {_megabytes(totals['image_bytes'])} MB of images, {document['seconds']:,.0f} s."
    )


def _make_table(document: Mapping[str, Any]) -> str:
    numbers = " | ".join("--:" for _ in _COLUMNS[1:])
    lines = [f"| {' | '.join(_COLUMNS)} |", f"| --- | {numbers} |"]
    for repo, it in document["repositories"].items():
        left = "?" if it["left"] is None else f"{it['left']:,}"
        counts = (
            it["pulls"], it["issues"], it["new_candidates"], it["changed_candidates"],
            it["removed_candidates"], it["verified"], it["rejected"], it["errors"],
        )  # fmt: skip
        cells = [f"{count:,}" for count in counts]
        cells += [left, f"{it['flaky_tests']:,}", f"{it['requests']:,}", f"{it['points']:,}"]
        cells += [f"{it['core_seconds']:,.0f}", _megabytes(it["fetched_bytes"])]
        cells += [_megabytes(it["image_bytes"]), f"{it['seconds']:,.0f}"]
        lines.append(f"| {_escape(repo)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _count_reasons(document: Mapping[str, Any]) -> list[str]:
    counts = Counter[str]()
    for it in document["repositories"].values():
        counts.update(it["reasons"])
    return [f"{reason}: {count:,}" for reason, count in counts.most_common()]


def _list_problems(problems: Mapping[str, Mapping[str, Any]]) -> str:
    texts = [f"{name}: {it['message']} {it['hint']}".rstrip() for name, it in problems.items()]
    return _make_list(texts)


def _describe_release(release: Mapping[str, Any] | None) -> str:
    if release is None:
        return "None was written."
    rows = ", ".join(f"{name} {count:,}" for name, count in release["rows"].items()) or "none"
    text = f"Rows: {rows}; {release['excluded']:,} excluded."
    if not release["is_changed"]:
        text += " It is the same as the last release."
    else:
        text += "\n\n" + render_diff([SplitDiff(**it) for it in release["diff"]]).rstrip()
    if release["commit"]:
        state = "pushed" if release["is_pushed"] else "unchanged"
        text += f"\n\n{release['hub']}: {state}, commit {release['commit'][:12]}."
    return text


def render_drift(certification: Mapping[str, Any]) -> str:
    """Return what is no longer as promised, tonight or since an earlier night; "" if all is well.

    It is the same text on the next night if nothing has changed.
    """
    drift = _make_list([it["message"] for it in certification["standing"]])
    return f"{_DRIFT_HEAD}\n\n{drift}" if drift else ""


def _describe_certification(certification: Mapping[str, Any]) -> str:
    counts = {name: count for name, count in certification["counts"].items() if count}
    text = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "Nothing was due"
    found = [it["message"] for it in certification["drift"]]
    parts = [f"{text}.", *(["### Drift found tonight", _make_list(found)] if found else [])]
    known = [it["message"] for it in certification["standing"] if it["message"] not in found]
    parts += ["### Drift known before", _make_list(known)] if known else []
    return "\n\n".join(parts)


def _describe_base_images(bases: Mapping[str, Any] | None) -> list[str]:
    """Return lines on what instances rest on; none if all rest on what new ones rest on."""
    if bases is None:
        return []
    current, lines = bases["current"], []
    if bases["has_moved"]:
        lines.append(describe_moved_base(current))
    others = {name: count for name, count in bases["instances"].items() if name != current}
    lines += [f"Instances that keep {name}: {count:,}" for name, count in others.items()]
    if others:
        own = bases["instances"].get(current, 0)
        lines.append(f"Instances on {current}, as all new environments: {own:,}")
    return lines


def _make_list(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_escape(text)}" for text in texts)


def _escape(text: str) -> str:
    """Keep what others wrote from being a table, a mention, a link or a tag on a page of GitHub."""
    line = " ".join(text.split())
    for mark in ("|", "<", "[", "`", "*"):
        line = line.replace(mark, f"\\{mark}")
    return line.replace("@", "@\u200b")


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f}"
