"""Resolve dependencies as of a date with `uv pip compile`, adjusting the manifest on errors."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from curate.builders.lock.archives import describe_archive, find_newer_archives, supply_archive
from curate.builders.lock.initial_changes import initial_changes, reupload_cutoffs
from curate.builders.lock.needless import AdjustmentStep, list_needed
from curate.builders.lock.oldest_releases import raise_old_releases
from curate.builders.lock.releases import (
    KnownReleases,
    find_sdists,
    read_by_building,
    read_release_metadata,
)
from curate.builders.lock.repair import ADJUSTMENT_VERSION, find_adjustment, missing_extra_notes
from curate.builders.lock.target import ResolutionTarget
from curate.builders.lock.tool_dates import TOOLS, describe_tool_cutoff, list_tool_cutoffs
from curate.builders.lock.uv import UvResult
from curate.builders.lock.uv_compile import raise_if_infrastructure, run_uv_compile
from curate.builders.model import Failure, RequirementsLock
from curate.builders.requirements import Manifest
from curate.builders.settings import BuildSettings

MAX_ADJUSTMENTS = 24  # with more, the lock would say little about the project
MAX_METADATA_READS = 24  # in one attempt
DETAIL_BYTES = 4000  # characters of uv's errors that a Failure keeps


def compute_lock_key(manifest: Manifest, python: str, cutoff: datetime) -> str:
    """Return the key of a lock: a hash of everything that it is resolved from.

    It includes `ADJUSTMENT_VERSION`; instances that were validated with a lock of older rules keep
    that lock.
    """
    moment = cutoff.astimezone(UTC).isoformat()
    tools = (f"{name}={own}" for name, own in list_tool_cutoffs(python, cutoff).items())
    parts = (ADJUSTMENT_VERSION, manifest.key, python, moment, *tools)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def compile_lock(
    manifest: Manifest,
    *,
    python: str,
    cutoff: datetime,
    settings: BuildSettings,
    allow_prereleases: bool = False,
    platform: str = "",
) -> RequirementsLock | Failure:
    """Resolve *manifest* with nothing uploaded after *cutoff*.

    To get the metadata of old source distributions, uv may run their setup scripts on this machine.

    Args:
        manifest: What to resolve.
        python: Python version, e.g. "3.8".
        cutoff: uv's `--exclude-newer` (time-zone aware).
        settings: Package index, interpreters and cache.
        allow_prereleases: Whether any pre-release may be chosen.
        platform: uv's `--python-platform`; "" is that of this machine.

    Returns:
        A lock, whose `adjustments` has a sentence for every change to *manifest* that it needs,
        or a Failure of stage "lock" and reason "unsatisfiable", "unbuildable" or "timeout".

    Raises:
        DiskFullError: uv ran out of disk space.
        BuilderError: uv cannot reach the package index.
    """
    started, original = time.monotonic(), manifest
    target = ResolutionTarget(
        python=python,
        cutoff=cutoff,
        settings=settings,
        allow_prereleases=allow_prereleases,
        platform=platform,
    )
    known = KnownReleases()
    initial = initial_changes(manifest.in_order())
    manifest = initial[-1].manifest if initial else manifest.in_order()
    sentences = [change.sentence for change in initial]
    steps: list[AdjustmentStep] = []
    unraised: tuple[Manifest, list[AdjustmentStep]] | None = None  # resolves with old releases
    while True:
        attempt = _resolve_once(manifest, target, known)
        if attempt.code == 0:
            lock = _make_lock(attempt, manifest, target)
            raised = raise_old_releases(manifest, lock.packages, python)
            if raised and unraised is None:
                unraised = manifest, [*steps]
                steps.append(AdjustmentStep(before=manifest, change=raised))
                manifest = raised.manifest
                continue
            resolve = partial(_try_manifest, target=target, known=known)
            sentences += [
                *list_needed(steps, lock, resolve),
                *missing_extra_notes(attempt.errors),
                *_lock_notes(lock, known),
            ]
            lock = replace(lock, sdists=find_sdists(lock.packages, target, lock.archives))
            lock, archives = _prefer_newer_archives(lock, manifest, target, known)
            later = lock.names & (manifest.cutoff_overrides.keys() - original.cutoff_overrides)
            return replace(
                lock,
                adjustments=(*sentences, *archives),
                seconds=time.monotonic() - started,
                newer=tuple(sorted(later)),
            )
        raise_if_infrastructure(attempt)
        found = None
        if attempt.code is not None and len(steps) < MAX_ADJUSTMENTS:
            found = supply_archive(attempt.errors, manifest, target) or find_adjustment(
                attempt.errors, manifest
            )
        if found is None and unraised and manifest != unraised[0]:
            manifest, steps = unraised
            continue
        if found is None:
            tried = [step.change.sentence for step in steps]
            return _make_failure(attempt, [*original.notes, *sentences, *tried])
        steps.append(AdjustmentStep(before=manifest, change=found))
        manifest = found.manifest


def _make_lock(attempt: UvResult, manifest: Manifest, target: ResolutionTarget) -> RequirementsLock:
    lock = RequirementsLock(text=attempt.output, python=target.python, exclude_newer=target.cutoff)
    used = (it for it in manifest.archives if f"{it.name}=={it.version}" in lock.packages)
    return replace(lock, archives=tuple(used))


def _prefer_newer_archives(
    lock: RequirementsLock, manifest: Manifest, target: ResolutionTarget, known: KnownReleases
) -> tuple[RequirementsLock, list[str]]:
    """Return *lock* with releases that uv passed over as it cannot read them, and sentences."""
    newer = find_newer_archives(lock, manifest, target)
    if not newer:
        return lock, []
    changed = replace(manifest, archives=(*manifest.archives, *newer))
    other = _try_manifest(changed, target, known)
    used = [archive for archive in newer if other and archive in other.archives]
    if other is None or not used:
        return lock, []
    sdists = find_sdists(other.packages, target, other.archives)
    return replace(other, sdists=sdists), [describe_archive(archive) for archive in used]


def _try_manifest(
    manifest: Manifest, target: ResolutionTarget, known: KnownReleases
) -> RequirementsLock | None:
    """Resolve *manifest* without any adjustment; None if that fails."""
    attempt = run_uv_compile(manifest, target, known.readable())
    return None if attempt.code != 0 else _make_lock(attempt, manifest, target)


def _resolve_once(manifest: Manifest, target: ResolutionTarget, known: KnownReleases) -> UvResult:
    """Resolve once, and again with the metadata of releases that uv skipped or failed to build.

    The metadata is added to *known*.
    """
    attempt = run_uv_compile(manifest, target, known.readable())
    for _ in range(MAX_METADATA_READS):
        unread, unbuilt = known.find_unread(attempt), known.find_unbuilt(attempt)
        if not unread and not unbuilt:
            break
        for release in unread:
            known.metadata[release] = read_release_metadata(*release, target, manifest.archives)
        if unbuilt:
            found = read_by_building(*unbuilt, target, manifest.archives)
            known.metadata |= {unbuilt: found} if found else {}
            known.unbuildable |= set() if found else {unbuilt}
        attempt = run_uv_compile(manifest, target, known.readable())
    return attempt


def _lock_notes(lock: RequirementsLock, known: KnownReleases) -> Iterator[str]:
    """Yield a sentence for every override of the index's data that concerns *lock*."""
    if not lock.names.isdisjoint(TOOLS):
        yield from describe_tool_cutoff(lock.python, lock.exclude_newer)
    for name, own in reupload_cutoffs(lock.exclude_newer).items():
        if name in lock.names:
            yield f"allowed {name} up to {own}: its releases were uploaded again later"
    for (name, version), metadata in known.metadata.items():
        if metadata is None:
            yield f"skipped {name} {version}: its metadata is invalid"
        elif f"{name}=={version}" in lock.packages:
            yield from metadata.changes


def _make_failure(attempt: UvResult | None, sentences: list[str]) -> Failure:
    errors = attempt.errors if attempt else ""
    reason = "unbuildable" if "Failed to build" in errors else "unsatisfiable"
    if attempt is not None and attempt.code is None:
        reason = "timeout"
    detail = "\n".join([*sentences, errors[-DETAIL_BYTES:]])
    log = "\n".join([*sentences, errors])
    return Failure(stage="lock", reason=reason, detail=detail, log=log)
