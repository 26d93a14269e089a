"""What `curate certify` says: counts by result, drift, errors."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from curate.certification.drift import Drift
from curate.certification.run import CertificationSummary
from curate.cli.common import err_console, print_json
from curate.cli.console import WholeLineConsole
from curate.cli.tables import TextTable, print_table
from curate.core.errors import ConfigurationError, CurateError, NotFoundError

_MEANINGS = {
    "certified": "gold passed every time, no patch never",
    "flaky": "some tests differed between runs",
    "failed": "gold passed in no run",
    "passes-without-patch": "the tests pass without the gold patch",
    "image-missing": "the registry no longer has the image",
    "infrastructure": "machine or registry failed; tried again later",
    "invalid": "the row cannot be certified",
    "unknown": "the dataset has no such instance",
    "left": "not reached before the time limit",
}


class NotCertifiedError(CurateError):
    """Some instances are not what they were."""


class CertificationIncompleteError(CurateError):
    """Some instances could not be certified; the next call tries them again."""

    exit_code = 3


class CertificationTimeError(CurateError):
    """Instances are left; the next call certifies them."""


def print_report(summary: CertificationSummary, drift: Sequence[Drift], *, as_json: bool) -> None:
    """Print counts and drift to stdout, as a table or as JSON."""
    counts = summary.count()
    if as_json:
        print_json(make_document(summary, drift))
        return
    console = WholeLineConsole(file=sys.stdout)
    rows = [
        (str(name), f"{counts[name]:,}", meaning)
        for name, meaning in _MEANINGS.items()
        if counts[name] or name == "certified"
    ]
    columns = ("result", "instances", "")
    print_table(console, TextTable(columns=columns, rows=rows, numbers=frozenset({1})))
    lines = [str(one) for one in drift]
    for label, problems in (("error", summary.errors), ("invalid", summary.invalid)):
        lines += [f"{name}: {label}: {problem}" for name, problem in problems.items()]
    lines += [f"{name}: unknown" for name in summary.unknown]
    if lines:
        console.print()
    for line in lines:
        console.print(line, markup=False, soft_wrap=not console.is_on_terminal)
    if summary.known:
        text = f"{summary.known:,} of them were certified earlier tonight"
        err_console.print(text, soft_wrap=True)


def make_document(summary: CertificationSummary, drift: Sequence[Drift]) -> Mapping[str, Any]:
    """Return the report as JSON can hold it."""
    return {
        "counts": dict(summary.count()),
        "certifications": [
            {
                "instance_id": one.instance_id,
                "result": str(one.result),
                "certified_at": one.certified_at.isoformat(),
                "gold_passes": one.gold_passes,
                "gold_runs": one.gold_runs,
                "empty": one.empty_result,
                "image": one.reference,
                "pulled": one.is_pulled,
                "seconds": round(one.seconds, 1),
                "detail": one.detail,
                "differences": [vars(it) for it in one.differences],
                "machine": vars(one.machine),
            }
            for one in summary.results.values()
        ],
        "drift": [one.to_json() for one in drift],
        "errors": summary.errors,
        "invalid": summary.invalid,
        "unknown": list(summary.unknown),
        "left": list(summary.left),
    }


def summarize_certificate(content: Mapping[str, Any], *, is_verified: bool) -> str:
    """Return what a certificate says in one sentence, and what its signature is worth."""
    counts = content["counts"]
    certified = f"{counts.get('certified', 0):,} of {counts['instances']:,} instances certified"
    last = f", the last on {content['last_certified_at'][:10]}"
    signature = "signature verified" if is_verified else f"signature: {content['signature']}"
    if not is_verified and not content["signature"].startswith("none"):
        signature += ", not verified (--public-key)"
    return f"The files are those that were certified: {certified}{last}; {signature}."


def raise_if_not_certified(summary: CertificationSummary) -> None:
    """Raise the error that the exit code of the command stands for, if there is one."""
    bad = {name: one for name, one in summary.results.items() if not one.is_good}
    if bad:
        name, one = next(iter(bad.items()))
        detail = f" ({one.detail})" if one.detail else ""
        raise NotCertifiedError(
            f"{len(bad):,} of {len(summary.results):,} instances are not what they were, the first"
            f" {name}: {one.result}{detail}",
            hint="The next release leaves out flaky tests, and instances that failed.",
        )
    if summary.errors:
        name, error = next(iter(summary.errors.items()))
        raise CertificationIncompleteError(
            f"{len(summary.errors):,} instances could not be certified, the first {name}: {error}",
            hint="The same command again tries them again; results are kept.",
        )
    if summary.invalid:
        name, error = next(iter(summary.invalid.items()))
        raise ConfigurationError(
            f"{len(summary.invalid):,} rows cannot be certified, the first {name}: {error}",
            hint="All others were certified.",
        )
    if summary.unknown:
        raise NotFoundError(
            f"{len(summary.unknown):,} instances are unknown, the first {summary.unknown[0]}.",
            hint="All others were certified.",
        )
    if summary.left:
        raise CertificationTimeError(
            f"Not all was done, {len(summary.left):,} instances are left.",
            hint="Run the same command again; results are kept.",
        )
