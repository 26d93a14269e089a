"""Rows that a release holds back, each with its reason; pure, by the rules of `rules.Rules`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from curate.publish.filters.config import Problem, Rules
from curate.publish.filters.near_duplicates import Nearness
from curate.publish.filters.secrets import secrets_in
from curate.publish.measures.benchmark_overlap import DIGITS, Benchmark, patch_hash
from curate.releases.row import Row, integer, optional_number, strings, text

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"https?://|\bwww\.")
_TEXTS = ("problem_statement", "hints_text", "patch", "test_patch")

Reason = tuple[str, str]  # (short and countable, detail)


def sift(
    rows: Sequence[Row], rules: Rules, known: Sequence[Benchmark]
) -> tuple[list[Row], Mapping[str, list[Problem]]]:
    """*rows* that stay, in order, and by instance id every reason against each of the others.

    Of rows that are near-duplicates, or of one leak group where only one may stay, the oldest
    stays; rows that fall for what they are themselves are not compared.
    """
    fallen = {
        text(row, "instance_id"): reasons
        for row in rows
        if (reasons := list(_reasons(row, rules, known)))
    }
    stay = [row for row in rows if text(row, "instance_id") not in fallen]
    fallen |= {name: [why] for name, why in _repeated(sorted(stay, key=_age), rules).items()}
    held = {
        name: [Problem(instance_id=name, reason=reason, detail=detail) for reason, detail in them]
        for name, them in fallen.items()
    }
    return [row for row in rows if text(row, "instance_id") not in fallen], held


def _reasons(row: Row, rules: Rules, known: Sequence[Benchmark]) -> Iterator[Reason]:
    yield from _contamination(row, rules, known)
    yield from _licence(row, rules)
    if rules.secrets:
        yield from (
            ("secret", f"{name}: {s}") for name in _TEXTS for s in secrets_in(text(row, name))
        )
    yield from _bounds(row, rules)


def _contamination(row: Row, rules: Rules, known: Sequence[Benchmark]) -> Iterator[Reason]:
    told, digest = rules.contamination, ""
    if told.patches and any(one.patches for one in known):
        digest = patch_hash(text(row, "patch").encode())[:DIGITS]
    for one in known:
        if told.repositories and text(row, "repo").lower() in one.repositories:
            yield "benchmark-repository", f"{text(row, 'repo')} is of {one.name}"
        if told.pulls and text(row, "instance_id").lower() in one.ids:
            yield "benchmark-pull", f"is in {one.name}"
        if digest and digest in one.patches:
            yield "benchmark-patch", f"the same change is in {one.name}"


def _licence(row: Row, rules: Rules) -> Iterator[Reason]:
    expression = text(row, "license_spdx")
    allowed = set(rules.licence.allowed)
    if not expression and rules.licence.unknown == "hold":
        yield "licence-unknown", ""
    # Every name must be allowed: of "A OR B" curate does not choose.
    names = set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()\s]+", expression)) - {""}
    if allowed and names - allowed:
        yield "licence", expression


def _bounds(row: Row, rules: Rules) -> Iterator[Reason]:
    statement, patch = text(row, "problem_statement"), text(row, "patch")
    bounds = [
        ("words", len(statement.split()), rules.text.min_words, rules.text.max_words),
        ("characters", len(statement), rules.text.min_characters, None),
        ("links", len(_LINK.findall(statement)), 0, rules.text.max_links),
        ("english", english(statement), rules.text.min_english, None),
        ("patch-words", len(patch.split()), 0, rules.patch.max_words),
    ]
    if "FAIL_TO_PASS" in row:
        f2p, p2p = len(strings(row, "FAIL_TO_PASS")), len(strings(row, "PASS_TO_PASS"))
        files = integer(row, "files_edited")
        bounds += [
            ("files", files, rules.patch.min_files, rules.patch.max_files),
            ("fail-to-pass", f2p, 0, rules.tests.max_fail_to_pass),
            ("pass-to-pass", p2p, rules.tests.min_pass_to_pass, None),
        ]
        yield from _strength(row, rules)
        yield from _steadiness(row, rules)
        yield from _leaks(row, rules)
    for name, value, least, most in bounds:
        if value < least or (most is not None and value > most):
            yield f"{name}-out-of-bounds", f"{value:g}, bounds {least:g} to {most}"


def _strength(row: Row, rules: Rules) -> Iterator[Reason]:
    strength = optional_number(row, "test_strength")
    if strength is None and rules.tests.min_strength and rules.tests.unmeasured == "hold":
        yield "strength-unmeasured", ""
    elif strength is not None and strength < rules.tests.min_strength:
        yield "weak-tests", f"{strength:.2f}, at least {rules.tests.min_strength:.2f}"


def _steadiness(row: Row, rules: Rules) -> Iterator[Reason]:
    most, expected = rules.tests.max_yet_to_waver, optional_number(row, "yet_to_waver")
    if most is None:
        return
    if expected is None and rules.tests.unmeasured == "hold":
        yield "steadiness-unmeasured", ""
    elif expected is not None and expected > most:
        yield "unsteady-tests", f"{expected:.2f} more in every run, at most {most:.2f}"


def _leaks(row: Row, rules: Rules) -> Iterator[Reason]:
    share = optional_number(row, "leaked_share") or 0
    if share > rules.leaks.max_share:
        yield "leak", f"{share:.2f} of the gold patch is in the problem statement"
    yield from (("leak", one) for one in strings(row, "leaks") if one in rules.leaks.held)


def english(statement: str) -> float:
    """Share of the letters outside code that are a to z; 1 for a text without letters."""
    letters = [char for char in _CODE.sub("", statement) if char.isalpha()]
    return sum(char.isascii() for char in letters) / len(letters) if letters else 1.0


def _repeated(oldest_first: Iterable[Row], rules: Rules) -> dict[str, Reason]:
    nearness, groups = Nearness(), dict[str, str]()
    fallen: dict[str, Reason] = {}
    for row in oldest_first:
        name, group = text(row, "instance_id"), row.get("leak_group")
        if rules.one_per_leak_group and isinstance(group, str) and group in groups:
            fallen[name] = ("leak-group", f"with {groups[group]}")
            continue
        if rules.duplicates:
            content = f"{text(row, 'problem_statement')}\n{text(row, 'patch')}"
            other, likeness = nearness.nearest(content)
            if likeness >= rules.duplicates:
                fallen[name] = ("near-duplicate", f"of {other}, likeness {likeness:.2f}")
                continue
            nearness.add(name, content)
        if isinstance(group, str):
            groups[group] = name
    return fallen


def _age(row: Row) -> tuple[str, str]:
    return text(row, "created_at"), text(row, "instance_id")
