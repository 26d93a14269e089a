"""Resolve dependencies as of a date with `uv pip compile`, adjusting the manifest on errors."""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from curate.builders.errors import BuilderError, DiskFullError
from curate.builders.lock.initial_changes import initial_changes, reupload_cutoffs
from curate.builders.lock.legacy_metadata import (
    ReleaseMetadata,
    parse_metadata,
    render_uv_config,
    skipped_releases,
)
from curate.builders.lock.needless import AdjustmentStep, list_needed
from curate.builders.lock.oldest_pytest import raise_pytest
from curate.builders.lock.repair import ADJUSTMENT_VERSION, find_adjustment, missing_extra_notes
from curate.builders.lock.uv import UvResult, run_uv
from curate.builders.model import Failure, RequirementsLock
from curate.builders.python.choose import find_interpreter
from curate.builders.requirements import Manifest
from curate.builders.rfc3339 import format_rfc3339
from curate.builders.settings import BuildSettings

MAX_ADJUSTMENTS = 24  # with more, the lock would say little about the project
MAX_METADATA_READS = 24  # in one attempt
DETAIL_BYTES = 4000  # characters of uv's errors that a Failure keeps

REQUIREMENTS, CONSTRAINTS, EXCLUDES = "requirements.in", "constraints.txt", "excludes.txt"
CONFIG = "uv.toml"

_DISK_FULL = "No space left on device"
_NETWORK_SIGNS = (
    "Failed to fetch:",
    "error sending request",
    "client error (Connect)",
    "operation timed out",
    "dns error",
    "invalid peer certificate",
)


@dataclass(frozen=True, kw_only=True)
class _ResolutionTarget:
    """Inputs of a resolution that stay the same while its manifest is adjusted."""

    python: str
    cutoff: datetime
    settings: BuildSettings
    allow_prereleases: bool
    platform: str

    @property
    def interpreter(self) -> str:
        return str(find_interpreter(self.settings.python_install_dir, self.python) or self.python)


# (name, version) -> metadata, or None if it cannot be read
_MetadataByRelease = dict[tuple[str, str], ReleaseMetadata | None]


def compute_lock_key(manifest: Manifest, python: str, cutoff: datetime) -> str:
    """Return the key of a lock: a hash of everything that it is resolved from.

    It includes `ADJUSTMENT_VERSION`; instances that were validated with a lock of older rules keep
    that lock.
    """
    moment = cutoff.astimezone(UTC).isoformat()
    parts = f"{ADJUSTMENT_VERSION}\n{manifest.key}\n{python}\n{moment}"
    return hashlib.sha256(parts.encode()).hexdigest()


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
    target = _ResolutionTarget(
        python=python,
        cutoff=cutoff,
        settings=settings,
        allow_prereleases=allow_prereleases,
        platform=platform,
    )
    metadata_by_release = _MetadataByRelease()
    initial = initial_changes(manifest.in_order())
    manifest = initial[-1].manifest if initial else manifest.in_order()
    sentences = [change.sentence for change in initial]
    steps: list[AdjustmentStep] = []
    while True:
        attempt = _resolve_once(manifest, target, metadata_by_release)
        if attempt.code == 0:
            lock = RequirementsLock(text=attempt.output, python=python, exclude_newer=cutoff)
            raised = raise_pytest(manifest, lock.packages, python)
            if raised and raised.manifest != manifest:
                steps.append(AdjustmentStep(before=manifest, change=raised))
                manifest = raised.manifest
                continue
            resolve = partial(_try_manifest, target=target, metadata_by_release=metadata_by_release)
            sentences += [
                *list_needed(steps, lock, resolve),
                *missing_extra_notes(attempt.errors),
                *_lock_notes(lock, metadata_by_release),
            ]
            pinned = {package.partition("==")[0] for package in lock.packages}
            return replace(
                lock,
                adjustments=tuple(sentences),
                seconds=time.monotonic() - started,
                newer=tuple(
                    sorted(pinned & (manifest.cutoff_overrides.keys() - original.cutoff_overrides))
                ),
            )
        _raise_if_infrastructure(attempt)
        found = None
        if attempt.code is not None and len(steps) < MAX_ADJUSTMENTS:
            found = find_adjustment(attempt.errors, manifest, cutoff=cutoff)
        if found is None:
            tried = [step.change.sentence for step in steps]
            return _make_failure(attempt, [*original.notes, *sentences, *tried])
        steps.append(AdjustmentStep(before=manifest, change=found))
        manifest = found.manifest


def _try_manifest(
    manifest: Manifest, target: _ResolutionTarget, metadata_by_release: _MetadataByRelease
) -> RequirementsLock | None:
    """Resolve *manifest* without any adjustment; None if that fails."""
    attempt = run_uv_compile(manifest, target, metadata_by_release)
    if attempt.code != 0:
        return None
    return RequirementsLock(text=attempt.output, python=target.python, exclude_newer=target.cutoff)


def compile_arguments(
    manifest: Manifest,
    *,
    interpreter: str,
    cutoff: datetime,
    allow_prereleases: bool,
    platform: str,
) -> list[str]:
    """Return uv's arguments to resolve the files of `compile_files` in their folder."""
    arguments = ["pip", "compile", REQUIREMENTS, "--config-file", CONFIG]
    arguments += ["--no-sources", "--no-header"]
    arguments += ["--constraints", CONSTRAINTS] if manifest.constraints else []
    arguments += ["--excludes", EXCLUDES] if manifest.project else []
    arguments += [
        "--python",
        interpreter,
        "--exclude-newer",
        format_rfc3339(cutoff, timespec="auto"),
    ]
    for name, own in sorted({**reupload_cutoffs(cutoff), **manifest.cutoff_overrides}.items()):
        arguments += ["--exclude-newer-package", f"{name}={own}"]
    arguments += ["--prerelease", "allow"] if allow_prereleases else []
    return arguments + (["--python-platform", platform] if platform else [])


def compile_files(manifest: Manifest) -> dict[str, str]:
    """Return name -> text of uv's input files, except `CONFIG`.

    The project under test is excluded, even if a dependency requires it: it comes from the
    checkout.
    """
    lines = {
        REQUIREMENTS: [item.line for item in manifest.requirements],
        CONSTRAINTS: list(manifest.constraints),
        EXCLUDES: list(filter(None, (manifest.project, *manifest.other_projects))),
    }
    return {name: "".join(f"{line}\n" for line in text) for name, text in lines.items()}


def _resolve_once(
    manifest: Manifest, target: _ResolutionTarget, metadata_by_release: _MetadataByRelease
) -> UvResult:
    """Resolve once, and again with the metadata of releases that uv skipped as unreadable.

    The metadata is added to *metadata_by_release*.
    """
    attempt = run_uv_compile(manifest, target, metadata_by_release)
    for _ in range(MAX_METADATA_READS):
        unreadable = {
            name for (name, _), metadata in metadata_by_release.items() if metadata is None
        }
        skipped = {
            item for item in skipped_releases(attempt.errors).items() if item[0] not in unreadable
        }
        if not skipped - metadata_by_release.keys():
            break
        metadata_by_release |= {
            item: read_release_metadata(*item, target)
            for item in sorted(skipped - metadata_by_release.keys())
        }
        attempt = run_uv_compile(manifest, target, metadata_by_release)
    return attempt


def run_uv_compile(
    manifest: Manifest, target: _ResolutionTarget, metadata_by_release: _MetadataByRelease
) -> UvResult:
    """Run `uv pip compile` on *manifest*, with metadata of releases that uv cannot read itself."""
    arguments = compile_arguments(
        manifest,
        interpreter=target.interpreter,
        cutoff=target.cutoff,
        allow_prereleases=target.allow_prereleases,
        platform=target.platform,
    )
    files = compile_files(manifest)
    files[CONFIG] = render_uv_config(
        metadata for metadata in metadata_by_release.values() if metadata
    )
    with run_uv(arguments, target.settings, files) as (attempt, _):
        return attempt


def read_release_metadata(
    name: str, version: str, target: _ResolutionTarget
) -> ReleaseMetadata | None:
    """Return the metadata of a release, which uv installs without validating it."""
    arguments = ["pip", "install", "--no-config", "--no-deps", "--target", "."]
    arguments += ["--python", target.interpreter, f"{name}=={version}"]
    arguments += ["--python-platform", target.platform] if target.platform else []
    with run_uv(arguments, target.settings, {}) as (attempt, folder):
        if attempt.code != 0:
            _raise_if_infrastructure(attempt)
        found = list(folder.glob("*.dist-info/METADATA"))
        return (
            parse_metadata(found[0].read_text(errors="replace"), name, version) if found else None
        )


def _lock_notes(lock: RequirementsLock, metadata_by_release: _MetadataByRelease) -> Iterator[str]:
    """Yield a sentence for every override of the index's data that concerns *lock*."""
    names = {package.split("==")[0] for package in lock.packages}
    for name, own in reupload_cutoffs(lock.exclude_newer).items():
        if name in names:
            yield f"allowed {name} up to {own}: its releases were uploaded again later"
    for (name, version), metadata in metadata_by_release.items():
        if metadata is None:
            yield f"skipped {name} {version}: its metadata is invalid"
        elif f"{name}=={version}" in lock.packages:
            yield from metadata.changes


def _raise_if_infrastructure(attempt: UvResult) -> None:
    """Raise if the disk or the package index failed, not the resolution."""
    if _DISK_FULL in attempt.errors:
        raise DiskFullError(
            "disk full while uv resolved dependencies", hint="Free disk space and try again."
        )
    errors = attempt.errors[max(attempt.errors.find("error:"), 0) :]
    uv_errors = re.split(r"\[std(?:out|err)\]", errors)[0]  # the rest is output of a package build
    if not any(sign in uv_errors for sign in _NETWORK_SIGNS):
        return
    raise BuilderError(
        f"uv cannot reach the package index: {errors[:500]}",
        hint="Check the network, index_url and ca_bundle.",
    )


def _make_failure(attempt: UvResult | None, sentences: list[str]) -> Failure:
    errors = attempt.errors if attempt else ""
    reason = "unbuildable" if "Failed to build" in errors else "unsatisfiable"
    if attempt is not None and attempt.code is None:
        reason = "timeout"
    detail = "\n".join([*sentences, errors[-DETAIL_BYTES:]])
    log = "\n".join([*sentences, errors])
    return Failure(stage="lock", reason=reason, detail=detail, log=log)
