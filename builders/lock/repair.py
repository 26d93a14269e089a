"""What to change in a manifest that does not resolve, read from uv's own error text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from builders.lock.dates import LATER_TOOLS
from builders.requirements import Manifest, Requirement
from builders.rfc3339 import format_rfc3339, parse_rfc3339

# Of this module, `preparation`, `metadata` and `unbuilt`: raised when they lead to other locks, so
# that stored ones, which were made by older rules, are made anew.
ADJUSTMENT_VERSION = 3
EARLIEST = datetime.min.replace(tzinfo=UTC)
CUTOFF_STEP = timedelta(days=30)  # first step past the cutoff for a project without any older file

_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*?)"
_EXTRAS = r"(?:\[[^\]]*\])?"
BUILD = re.compile(rf"Failed to (?:download and )?build `{_NAME}(?:==?([^`]+))?`")
_AVAILABLE = re.compile(r"only (setuptools<=[\w.]+) is available and you require setuptools")
_PARENT = re.compile(rf"included because `{_NAME}{_EXTRAS}` \(v[^)]*\) depends on")
_FILTERED = re.compile(
    rf"`{_NAME}` was filtered by `exclude-newer(?:-package)?` "
    r"to only include packages uploaded before (\S+?)\. "
    r"The (requested version|latest version satisfying the requirement is),? v\S+?, "
    r"(?:was )?published at (\S+?)\. "
)
_YANKED = re.compile(rf"\b{_NAME}==([\w.!+]+) was yanked")
_WITHDRAWN = re.compile(rf"\b(?:all versions|all releases) of {_NAME} were yanked")
_ABSENT = re.compile(
    rf"(?:Because|because|and) (?:{_NAME} was not found in the (?:package registry|cache)"
    rf"|there are no versions of {_NAME}) "
)
_VANISHED = re.compile(rf"there is no version of {_NAME}{_EXTRAS}===?([\w.!+]+)")
_REQUIRED = re.compile(rf"you require {_NAME}{_EXTRAS}(?:[<>=!~,\s]|$)")
_WARNING = re.compile(
    rf"^warning: The package `{_NAME}(?:==[^`]*)?` does not have an extra named `([^`]+)`", re.M
)


@dataclass(frozen=True, kw_only=True)
class LockAdjustment:
    """A manifest changed in one respect, and the sentence that says which and why."""

    manifest: Manifest
    sentence: str


def find_adjustment(
    error_text: str, manifest: Manifest, *, cutoff: datetime = EARLIEST
) -> LockAdjustment | None:
    """Return the smallest change that answers uv's *error_text*, or None where there is none.

    *error_text* is the standard error of a failing `uv pip compile` (or of `uv pip install`, for
    packages that do not build). Core requirements are unpinned where their release has vanished,
    and never dropped. Builds of before `LATER_TOOLS` (by *cutoff*) are first given later tools.
    """
    text = _flatten_error(error_text)
    early_rules = (_allow_newer_build_tools,) if cutoff < LATER_TOOLS else ()
    for rule in (*early_rules, *_BUILD_RULES) if BUILD.search(text) else _RULES:
        found = rule(text, manifest)
        if found is not None:
            return found
    return None


def missing_extra_notes(error_text: str) -> tuple[str, ...]:
    """Return a sentence for every extra that uv left out because the package lacks it."""
    pairs = dict.fromkeys(_WARNING.findall(error_text))
    return tuple(f"dropped extra {extra} of {name}: not declared there" for name, extra in pairs)


def _drop_unbuildable(text: str, manifest: Manifest) -> LockAdjustment | None:
    match = BUILD.search(text)
    if match is None:
        return None
    parent = _PARENT.search(text)
    names = [match[1], *([parent[1]] if parent else [])]
    for name in map(canonicalize_name, names):
        if find_optional(manifest, name):
            return drop_requirement(manifest, name, f"{match[1]} {match[2] or ''} does not build")
    return None


def _move_cutoff(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Give a project whose files are all, or whose pinned file is, too young its own cutoff.

    A pin gets the time of that file. Otherwise the cutoff moves by `CUTOFF_STEP`, then to the
    newest.
    """
    for name, before, kind, published in _FILTERED.findall(text):
        pinned = kind == "requested version"
        known = canonicalize_name(name) in manifest.cutoff_overrides
        if pinned and known:
            continue
        moment = parse_rfc3339(published) + timedelta(seconds=1)
        if not pinned and not known:
            moment = min(moment, parse_rfc3339(before) + CUTOFF_STEP)
        cutoff = format_rfc3339(moment, timespec="auto")
        if manifest.cutoff_overrides.get(canonicalize_name(name)) == cutoff:
            continue
        cutoff_overrides = {**manifest.cutoff_overrides, canonicalize_name(name): cutoff}
        sentence = f"{name} may be as new as {cutoff}: nothing fitting was uploaded by the cutoff"
        return LockAdjustment(
            manifest=replace(manifest, cutoff_overrides=cutoff_overrides), sentence=sentence
        )
    return None


def _pin_yanked(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Pin the newest release of a project that withdrew all of them: a pin may be yanked."""
    for name, version in _YANKED.findall(text):
        direct = _find_requirements(manifest, name)
        if direct and not any(map(_is_pinned, direct)):
            changed = _map_requirements(
                manifest, name, partial(_with_specifier, specifier=f"=={version}")
            )
            sentence = f"pinned {name}=={version}: every release of it was yanked"
            return LockAdjustment(manifest=changed, sentence=sentence)
    return None


def _pin_withdrawn(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Answer for a project whose releases, unnamed by uv, were all yanked.

    Its declared lower bound becomes a pin. Without one it is dropped where it is optional, or
    holds nothing but type stubs (`types-...`), which are never imported.
    """
    for name in _WITHDRAWN.findall(text):
        direct = _find_requirements(manifest, name)
        bounds = [bound for item in direct for bound in _lower_bounds(item)]
        if bounds:
            changed = _map_requirements(
                manifest, name, partial(_with_specifier, specifier=f"=={bounds[0]}")
            )
            sentence = f"pinned {name}=={bounds[0]}: every release of it was yanked"
            return LockAdjustment(manifest=changed, sentence=sentence)
        gone = direct if name.startswith("types-") else find_optional(manifest, name)
        if gone:
            return _remove_requirements(manifest, gone, "every release of it was yanked")
    return None


def _allow_newer_build_tools(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Let builds have later tools: uv asks for setuptools 40.8, and wheel 0.30 has defects.

    The environment itself keeps to the setuptools of its time, by a constraint.
    """
    match, available = BUILD.search(text), _AVAILABLE.search(text)
    tool_names = ("wheel", "setuptools") if available else ("wheel",)
    tools = [name for name in tool_names if name not in manifest.cutoff_overrides]
    if match is None or not tools:
        return None
    cutoff = format_rfc3339(LATER_TOOLS)
    sentence = f"builds may have {' and '.join(tools)} of {cutoff}: {match[1]} did not build"
    cutoff_overrides = {**manifest.cutoff_overrides, **dict.fromkeys(tools, cutoff)}
    bounds = (available[1],) if available else ()
    changed = replace(
        manifest, cutoff_overrides=cutoff_overrides, constraints=(*manifest.constraints, *bounds)
    )
    return LockAdjustment(manifest=changed, sentence=sentence)


def _drop_absent(text: str, manifest: Manifest) -> LockAdjustment | None:
    for names in _ABSENT.findall(text):
        name = next(filter(None, names))
        if find_optional(manifest, name):
            return drop_requirement(manifest, name, "the index does not have it")
    return None


def _unpin_vanished(text: str, manifest: Manifest) -> LockAdjustment | None:
    for name, version in _VANISHED.findall(text):
        if any(map(_is_pinned, _find_requirements(manifest, name))):
            return _unpin_requirement(
                manifest, name, f"release {version} is not there by the cutoff"
            )
    return None


def _relax_conflict(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Give way in this order: pins of optional packages, constraints, optional packages."""
    if "No solution found" not in text:
        return None
    mentioned: list[str] = [canonicalize_name(name) for name in reversed(_REQUIRED.findall(text))]
    mentioned += [name for name in _mentioned_names(text) if name not in mentioned]
    optional_names = [name for name in mentioned if find_optional(manifest, name)]
    for name in optional_names:
        if any(map(_is_pinned, find_optional(manifest, name))):
            return _unpin_requirement(manifest, name, "it conflicts with other requirements")
    for constraint in manifest.constraints:
        if canonicalize_name(Parsed(constraint).name) in mentioned:
            rest = tuple(other for other in manifest.constraints if other != constraint)
            sentence = f"dropped constraint {constraint}: it cannot be met"
            return LockAdjustment(manifest=replace(manifest, constraints=rest), sentence=sentence)
    for name in optional_names:
        return drop_requirement(manifest, name, "it cannot be resolved with the others")
    return None


_Rule = Callable[[str, Manifest], LockAdjustment | None]
_BUILD_RULES: tuple[_Rule, ...] = (_drop_unbuildable, _move_cutoff)  # the rest is talk
_RULES: tuple[_Rule, ...] = (
    _move_cutoff,
    _pin_yanked,
    _pin_withdrawn,
    _drop_absent,
    _unpin_vanished,
    _relax_conflict,
)


def _flatten_error(error_text: str) -> str:
    """Undo uv's wrapping and tree drawing, and leave out its warnings."""
    start = re.search(r"^(?:error:|  ×)", error_text, re.M)
    return (
        " ".join(re.sub(r"[×│├╰─▶]", " ", error_text[start.start() if start else 0 :]).split())
        + " "
    )


def _mentioned_names(text: str) -> list[str]:
    """Names that the derivation mentions with or without a version, the last ones first."""
    words = re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", text)
    return [canonicalize_name(word) for word in reversed(words)]


def _find_requirements(manifest: Manifest, name: str) -> list[Requirement]:
    return [item for item in manifest.requirements if item.name == canonicalize_name(name)]


def find_optional(manifest: Manifest, name: str) -> list[Requirement]:
    """Requirements of *name* that the project can do without."""
    return [item for item in _find_requirements(manifest, name) if not item.is_core]


def _is_pinned(item: Requirement) -> bool:
    return any(clause.operator in ("==", "===") for clause in Parsed(item.line).specifier)


def _lower_bounds(item: Requirement) -> list[str]:
    return [clause.version for clause in Parsed(item.line).specifier if clause.operator == ">="]


def drop_requirement(manifest: Manifest, name: str, reason: str) -> LockAdjustment:
    """*manifest* without its optional requirements of *name*, and why."""
    return _remove_requirements(manifest, find_optional(manifest, name), reason)


def _remove_requirements(
    manifest: Manifest, removed: list[Requirement], reason: str
) -> LockAdjustment:
    remaining = tuple(item for item in manifest.requirements if item not in removed)
    sentence = f"dropped {_list_names(removed)}: {reason.strip()}"
    return LockAdjustment(manifest=replace(manifest, requirements=remaining), sentence=sentence)


def _unpin_requirement(manifest: Manifest, name: str, reason: str) -> LockAdjustment:
    pinned = [item for item in _find_requirements(manifest, name) if _is_pinned(item)]
    changed = _map_requirements(manifest, name, _without_pin)
    return LockAdjustment(manifest=changed, sentence=f"unpinned {_list_names(pinned)}: {reason}")


def _list_names(items: Iterable[Requirement]) -> str:
    return ", ".join(item.line for item in items)


def _map_requirements(
    manifest: Manifest, name: str, change: Callable[[Requirement], Requirement]
) -> Manifest:
    direct = _find_requirements(manifest, name)
    changed = (change(item) if item in direct else item for item in manifest.requirements)
    return replace(manifest, requirements=tuple(changed))


def _without_pin(item: Requirement) -> Requirement:
    clauses = [str(c) for c in Parsed(item.line).specifier if c.operator not in ("==", "===")]
    return _with_specifier(item, ",".join(clauses))


def _with_specifier(item: Requirement, specifier: str) -> Requirement:
    parsed = Parsed(item.line)
    parsed.specifier = SpecifierSet(specifier)
    return replace(item, line=str(parsed))
