"""Find the adjustment of a manifest that does not resolve, from uv's error message."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from curate.builders.lock.dates import OLDEST_TOOLS
from curate.builders.requirements import Manifest, Requirement
from curate.builders.rfc3339 import format_rfc3339, parse_rfc3339

# Version of the rules here and in `initial_changes`, `legacy_metadata` and `build_failures`. Raise
# it when a change leads to other locks: stored locks of older versions are then resolved again.
ADJUSTMENT_VERSION = 4
CUTOFF_STEP = timedelta(days=30)  # first extension of the cutoff for a project without older files

_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*?)"
_EXTRAS = r"(?:\[[^\]]*\])?"
BUILD = re.compile(rf"Failed to (?:download and )?build `{_NAME}(?:==?([^`]+))?`")
TOO_OLD_SETUPTOOLS = re.compile(
    r"only (setuptools<=[\w.]+) is available and you require setuptools"
)
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
    """A manifest after one change, and the sentence that says what changed and why."""

    manifest: Manifest
    sentence: str


def find_adjustment(error_text: str, manifest: Manifest) -> LockAdjustment | None:
    """Return the smallest change that may resolve the error, or None if there is none.

    Core requirements are unpinned if their release no longer exists, and never dropped.

    Args:
        error_text: Standard error of a failed `uv pip compile`, or of `uv pip install` for packages
            that fail to build.
        manifest: The manifest that failed.
    """
    text = flatten_error(error_text)
    for rule in _BUILD_RULES if BUILD.search(text) else _RULES:
        found = rule(text, manifest)
        if found is not None:
            return found
    return None


def missing_extra_notes(error_text: str) -> tuple[str, ...]:
    """Return a sentence for every extra that uv ignored because the package does not declare it."""
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
    """Give a project a later cutoff of its own if all its files, or the pinned one, are too new.

    For a pinned release, it is the upload time of that file. Otherwise the cutoff moves by
    `CUTOFF_STEP` first, and then to the upload time of the latest version that uv reports.
    """
    for name, before, kind, published in _FILTERED.findall(text):
        is_pinned = kind == "requested version"
        has_override = canonicalize_name(name) in manifest.cutoff_overrides
        if is_pinned and has_override:
            continue
        moment = parse_rfc3339(published) + timedelta(seconds=1)
        if not is_pinned and not has_override:
            moment = min(moment, parse_rfc3339(before) + CUTOFF_STEP)
        cutoff = format_rfc3339(moment, timespec="auto")
        if manifest.cutoff_overrides.get(canonicalize_name(name)) == cutoff:
            continue
        cutoff_overrides = {**manifest.cutoff_overrides, canonicalize_name(name): cutoff}
        sentence = f"allowed {name} up to {cutoff}: no matching file was uploaded by the cutoff"
        return LockAdjustment(
            manifest=replace(manifest, cutoff_overrides=cutoff_overrides), sentence=sentence
        )
    return None


def _pin_yanked(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Pin the newest release of a project whose releases were all yanked; uv accepts such pins."""
    for name, version in _YANKED.findall(text):
        direct = _find_requirements(manifest, name)
        if direct and not any(map(_is_pinned, direct)):
            changed = _map_requirements(
                manifest, name, partial(_with_specifier, specifier=f"=={version}")
            )
            sentence = f"pinned {name}=={version}: all its releases were yanked"
            return LockAdjustment(manifest=changed, sentence=sentence)
    return None


def _pin_withdrawn(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Pin or drop a project whose releases were all yanked, if uv does not name them.

    Its declared lower bound becomes a pin. Without one it is dropped if it is optional, or has only
    type stubs (`types-...`), which are never imported.
    """
    for name in _WITHDRAWN.findall(text):
        direct = _find_requirements(manifest, name)
        bounds = [bound for item in direct for bound in _lower_bounds(item)]
        if bounds:
            changed = _map_requirements(
                manifest, name, partial(_with_specifier, specifier=f"=={bounds[0]}")
            )
            sentence = f"pinned {name}=={bounds[0]}: all its releases were yanked"
            return LockAdjustment(manifest=changed, sentence=sentence)
        removed = direct if name.startswith("types-") else find_optional(manifest, name)
        if removed:
            return _remove_requirements(manifest, removed, "all its releases were yanked")
    return None


def _allow_newer_build_tools(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Let builds use the oldest tools that uv can use; it requires setuptools 40.8.

    A constraint keeps the setuptools of the environment itself at the version of its time.
    """
    match, available = BUILD.search(text), TOO_OLD_SETUPTOOLS.search(text)
    tools = ("setuptools", "wheel")
    if match is None or available is None or "setuptools" in manifest.cutoff_overrides:
        return None
    cutoff = format_rfc3339(OLDEST_TOOLS)
    sentence = f"allowed {' and '.join(tools)} up to {cutoff}: {match[1]} does not build"
    cutoff_overrides = {**manifest.cutoff_overrides, **dict.fromkeys(tools, cutoff)}
    constraints = (*manifest.constraints, available[1])
    changed = replace(manifest, cutoff_overrides=cutoff_overrides, constraints=constraints)
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
                manifest, name, f"release {version} was not available by the cutoff"
            )
    return None


def _relax_conflict(text: str, manifest: Manifest) -> LockAdjustment | None:
    """Relax, in this order: pins of optional packages, constraints, optional packages."""
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
            sentence = f"dropped constraint {constraint}: it cannot be satisfied"
            return LockAdjustment(manifest=replace(manifest, constraints=rest), sentence=sentence)
    for name in optional_names:
        return drop_requirement(manifest, name, "it conflicts with other requirements")
    return None


_Rule = Callable[[str, Manifest], LockAdjustment | None]
# Other rules do not apply to a failed build: its log may contain any words.
_BUILD_RULES: tuple[_Rule, ...] = (_allow_newer_build_tools, _drop_unbuildable, _move_cutoff)
_RULES: tuple[_Rule, ...] = (
    _move_cutoff,
    _pin_yanked,
    _pin_withdrawn,
    _drop_absent,
    _unpin_vanished,
    _relax_conflict,
)


def flatten_error(error_text: str) -> str:
    """Return *error_text* on one line, without uv's warnings and tree drawing."""
    start = re.search(r"^(?:error:|  ×)", error_text, re.M)
    error = error_text[start.start() if start else 0 :]
    return " ".join(re.sub(r"[×│├╰─▶]", " ", error).split()) + " "


def _mentioned_names(text: str) -> list[str]:
    """Return the words of the error as normalized package names, the last ones first."""
    words = re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", text)
    return [canonicalize_name(word) for word in reversed(words)]


def _find_requirements(manifest: Manifest, name: str) -> list[Requirement]:
    return [item for item in manifest.requirements if item.name == canonicalize_name(name)]


def find_optional(manifest: Manifest, name: str) -> list[Requirement]:
    """Return the requirements of *name* that are not core requirements."""
    return [item for item in _find_requirements(manifest, name) if not item.is_core]


def _is_pinned(item: Requirement) -> bool:
    return any(clause.operator in ("==", "===") for clause in Parsed(item.line).specifier)


def _lower_bounds(item: Requirement) -> list[str]:
    return [clause.version for clause in Parsed(item.line).specifier if clause.operator == ">="]


def drop_requirement(manifest: Manifest, name: str, reason: str) -> LockAdjustment:
    """Drop the optional requirements of *name* from *manifest*, for *reason*."""
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
