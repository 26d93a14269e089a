"""Dependencies as of a date: `uv pip compile` up to that date, in a bounded repair loop."""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from builders.errors import BuilderError, DiskFullError
from builders.lock.initial_changes import initial_changes, reupload_cutoffs
from builders.lock.legacy_metadata import (
    ReleaseMetadata,
    parse_metadata,
    render_uv_config,
    skipped_releases,
)
from builders.lock.repair import ADJUSTMENT_VERSION, find_adjustment, missing_extra_notes
from builders.lock.uv import UvResult, run_uv
from builders.model import Failure, RequirementsLock
from builders.python.choose import find_interpreter
from builders.requirements import Manifest
from builders.rfc3339 import format_rfc3339
from builders.settings import BuildSettings

MAX_ADJUSTMENTS = 24  # more of them, and the result says little about the project
MAX_METADATA_READS = 24  # of metadata, in one attempt
DETAIL_BYTES = 4000

REQUIREMENTS, CONSTRAINTS, EXCLUDES = "requirements.in", "constraints.txt", "excludes.txt"
CONFIG = "uv.toml"

_FULL = "No space left on device"
_NETWORK = (
    "Failed to fetch:",
    "error sending request",
    "client error (Connect)",
    "operation timed out",
    "dns error",
    "invalid peer certificate",
)


@dataclass(frozen=True, kw_only=True)
class _ResolutionTarget:
    """What one resolution is for, whatever its manifest becomes."""

    python: str
    cutoff: datetime
    settings: BuildSettings
    allow_prereleases: bool
    platform: str

    @property
    def interpreter(self) -> str:
        return str(find_interpreter(self.settings.python_install_dir, self.python) or self.python)


_MetadataByRelease = dict[
    tuple[str, str], ReleaseMetadata | None
]  # by name and version; None: cannot be read


def compute_lock_key(manifest: Manifest, python: str) -> str:
    """Return the key under which one lock serves every commit with the same declarations.

    The rules that answer a resolution's errors are part of it; who was validated with a lock of
    older rules keeps its text.
    """
    return hashlib.sha256(f"{ADJUSTMENT_VERSION}\n{manifest.key}\n{python}".encode()).hexdigest()


def compile_lock(
    manifest: Manifest,
    *,
    python: str,
    cutoff: datetime,
    settings: BuildSettings,
    allow_prereleases: bool = False,
    platform: str = "",
) -> RequirementsLock | Failure:
    """Resolve *manifest* for *python* ("3.8") with nothing uploaded after *cutoff* (aware).

    *platform* is uv's `--python-platform`; "" is this machine's. Metadata of old source
    distributions may come from running their setup scripts on this machine. Every departure from
    the declared requirements is a sentence in `RequirementsLock.adjustments`. Returns a Failure of
    stage "lock": "unsatisfiable", "unbuildable" or "timeout". Raises `BuilderError` where uv cannot
    work at all.
    """
    started = time.monotonic()
    sentences = list(manifest.notes)
    target = _ResolutionTarget(
        python=python,
        cutoff=cutoff,
        settings=settings,
        allow_prereleases=allow_prereleases,
        platform=platform,
    )
    attempt, metadata_by_release = None, _MetadataByRelease()
    changes = initial_changes(manifest)
    for _ in range(MAX_ADJUSTMENTS + 1):
        for change in changes:
            manifest = change.manifest
            sentences.append(change.sentence)
        attempt = _resolve_once(manifest, target, metadata_by_release)
        if attempt.code == 0:
            lock = RequirementsLock(text=attempt.output, python=python, exclude_newer=cutoff)
            sentences += [
                *missing_extra_notes(attempt.errors),
                *_lock_notes(lock, metadata_by_release),
            ]
            seconds = time.monotonic() - started
            return replace(lock, adjustments=tuple(sentences), seconds=seconds)
        _raise_if_infrastructure(attempt)
        found = (
            find_adjustment(attempt.errors, manifest, cutoff=cutoff)
            if attempt.code is not None
            else None
        )
        if found is None:
            break
        changes = [found]
    return _make_failure(attempt, sentences)


def compile_arguments(
    manifest: Manifest,
    *,
    interpreter: str,
    cutoff: datetime,
    allow_prereleases: bool,
    platform: str,
) -> list[str]:
    """Return uv's arguments for the files that `compile_files` names, in their folder."""
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
    """Return uv's input files by name, `CONFIG` apart.

    The project under test is excluded: it comes from the checkout, whoever else may ask for it.
    """
    lines = {
        REQUIREMENTS: [item.line for item in manifest.requirements],
        CONSTRAINTS: list(manifest.constraints),
        EXCLUDES: [manifest.project] if manifest.project else [],
    }
    return {name: "".join(f"{line}\n" for line in text) for name, text in lines.items()}


def _resolve_once(
    manifest: Manifest, target: _ResolutionTarget, metadata_by_release: _MetadataByRelease
) -> UvResult:
    """Resolve once; metadata that uv cannot read is read for it, added to *metadata_by_release*,
    and uv asked again."""
    attempt = _run_uv_compile(manifest, target, metadata_by_release)
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
            item: _read_release_metadata(*item, target)
            for item in sorted(skipped - metadata_by_release.keys())
        }
        attempt = _run_uv_compile(manifest, target, metadata_by_release)
    return attempt


def _run_uv_compile(
    manifest: Manifest, target: _ResolutionTarget, metadata_by_release: _MetadataByRelease
) -> UvResult:
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


def _read_release_metadata(
    name: str, version: str, target: _ResolutionTarget
) -> ReleaseMetadata | None:
    """Return what a release says of itself, which uv installs without reading it."""
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
    """Sentences on what uv was told about the index, as far as it matters to *lock*."""
    names = {package.split("==")[0] for package in lock.packages}
    for name, own in reupload_cutoffs(lock.exclude_newer).items():
        if name in names:
            yield f"{name} may be as new as {own}: its releases were uploaded anew"
    for (name, version), metadata in metadata_by_release.items():
        if metadata is None:
            yield f"passed over {name} {version}: its metadata cannot be read"
        elif f"{name}=={version}" in lock.packages:
            yield from metadata.changes


def _raise_if_infrastructure(attempt: UvResult) -> None:
    """Raise where it is the disk or the index that failed, not the resolution."""
    if _FULL in attempt.errors:
        raise DiskFullError(
            "uv has no space left to resolve in", hint="Free some space and try again."
        )
    errors = attempt.errors[max(attempt.errors.find("error:"), 0) :]
    own = re.split(r"\[std(?:out|err)\]", errors)[0]  # what follows is said by a package's build
    if not any(sign in own for sign in _NETWORK):
        return
    raise BuilderError(
        f"uv cannot reach the package index: {errors[:500]}",
        hint="check the network, the index URL and the CA bundle",
    )


def _make_failure(attempt: UvResult | None, sentences: list[str]) -> Failure:
    errors = attempt.errors if attempt else ""
    reason = "unbuildable" if "Failed to build" in errors else "unsatisfiable"
    if attempt is not None and attempt.code is None:
        reason = "timeout"
    detail = "\n".join([*sentences, errors[-DETAIL_BYTES:]])
    return Failure(stage="lock", reason=reason, detail=detail)
