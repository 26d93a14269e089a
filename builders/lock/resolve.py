"""Dependencies as of a date: `uv pip compile` up to that date, in a bounded repair loop."""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from builders.errors import BuilderError, DiskFull
from builders.lock.initial_changes import later_uploads, prepare
from builders.lock.legacy_metadata import Metadata, passed_over, read_metadata, uv_config
from builders.lock.repair import RULES, dropped_extras, repair
from builders.lock.uv import Attempt, run_uv
from builders.model import Failure, Lock
from builders.python.choose import find_interpreter
from builders.requirements import Manifest
from builders.rfc3339 import format_rfc3339
from builders.settings import BuildSettings

REPAIRS = 24  # more of them, and the result says little about the project
READINGS = 24  # of metadata, in one attempt
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
class _Target:
    """What one resolution is for, whatever its manifest becomes."""

    python: str
    cutoff: datetime
    settings: BuildSettings
    allow_prereleases: bool
    platform: str

    @property
    def interpreter(self) -> str:
        return str(find_interpreter(self.settings.interpreters, self.python) or self.python)


_Known = dict[tuple[str, str], Metadata | None]  # by name and version; None: cannot be read


def lock_key(manifest: Manifest, python: str) -> str:
    """Return the key under which one lock serves every commit with the same declarations.

    The rules that answer a resolution's errors are part of it; who was validated with a lock of
    older rules keeps its text.
    """
    return hashlib.sha256(f"{RULES}\n{manifest.key}\n{python}".encode()).hexdigest()


def resolve(
    manifest: Manifest,
    *,
    python: str,
    cutoff: datetime,
    settings: BuildSettings,
    allow_prereleases: bool = False,
    platform: str = "",
) -> Lock | Failure:
    """Resolve *manifest* for *python* ("3.8") with nothing uploaded after *cutoff* (aware).

    *platform* is uv's `--python-platform`; "" is this machine's. Metadata of old source
    distributions may come from running their setup scripts on this machine. Every departure from
    the declared requirements is a sentence in `Lock.repairs`. Returns a Failure of stage "lock":
    "unsatisfiable", "unbuildable" or "timeout". Raises `BuilderError` where uv cannot work at all.
    """
    started = time.monotonic()
    sentences = list(manifest.notes)
    target = _Target(
        python=python,
        cutoff=cutoff,
        settings=settings,
        allow_prereleases=allow_prereleases,
        platform=platform,
    )
    attempt, known = None, _Known()
    changes = prepare(manifest)
    for _ in range(REPAIRS + 1):
        for change in changes:
            manifest = change.manifest
            sentences.append(change.sentence)
        attempt = _attempt(manifest, target, known)
        if attempt.code == 0:
            lock = Lock(text=attempt.output, python=python, cutoff=cutoff)
            sentences += [*dropped_extras(attempt.errors), *_remarks(lock, known)]
            seconds = time.monotonic() - started
            return replace(lock, repairs=tuple(sentences), seconds=seconds)
        _check_machine(attempt)
        found = (
            repair(attempt.errors, manifest, cutoff=cutoff) if attempt.code is not None else None
        )
        if found is None:
            break
        changes = [found]
    return _failure(attempt, sentences)


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
    for name, own in sorted({**later_uploads(cutoff), **manifest.exempt}.items()):
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


def _attempt(manifest: Manifest, target: _Target, known: _Known) -> Attempt:
    """Resolve once; metadata that uv cannot read is read for it, added to *known*, and uv asked
    again."""
    attempt = _compile(manifest, target, known)
    for _ in range(READINGS):
        hopeless = {name for (name, _), metadata in known.items() if metadata is None}
        wished = {item for item in passed_over(attempt.errors).items() if item[0] not in hopeless}
        if not wished - known.keys():
            break
        known |= {item: _metadata(*item, target) for item in sorted(wished - known.keys())}
        attempt = _compile(manifest, target, known)
    return attempt


def _compile(manifest: Manifest, target: _Target, known: _Known) -> Attempt:
    arguments = compile_arguments(
        manifest,
        interpreter=target.interpreter,
        cutoff=target.cutoff,
        allow_prereleases=target.allow_prereleases,
        platform=target.platform,
    )
    files = compile_files(manifest)
    files[CONFIG] = uv_config(metadata for metadata in known.values() if metadata)
    with run_uv(arguments, target.settings, files) as (attempt, _):
        return attempt


def _metadata(name: str, version: str, target: _Target) -> Metadata | None:
    """Return what a release says of itself, which uv installs without reading it."""
    arguments = ["pip", "install", "--no-config", "--no-deps", "--target", "."]
    arguments += ["--python", target.interpreter, f"{name}=={version}"]
    arguments += ["--python-platform", target.platform] if target.platform else []
    with run_uv(arguments, target.settings, {}) as (attempt, folder):
        if attempt.code != 0:
            _check_machine(attempt)
        found = list(folder.glob("*.dist-info/METADATA"))
        return read_metadata(found[0].read_text(errors="replace"), name, version) if found else None


def _remarks(lock: Lock, known: _Known) -> Iterator[str]:
    """Sentences on what uv was told about the index, as far as it matters to *lock*."""
    names = {package.split("==")[0] for package in lock.packages}
    for name, own in later_uploads(lock.cutoff).items():
        if name in names:
            yield f"{name} may be as new as {own}: its releases were uploaded anew"
    for (name, version), metadata in known.items():
        if metadata is None:
            yield f"passed over {name} {version}: its metadata cannot be read"
        elif f"{name}=={version}" in lock.packages:
            yield from metadata.changes


def _check_machine(attempt: Attempt) -> None:
    """Raise where it is the disk or the index that failed, not the resolution."""
    if _FULL in attempt.errors:
        raise DiskFull("uv has no space left to resolve in", hint="Free some space and try again.")
    errors = attempt.errors[max(attempt.errors.find("error:"), 0) :]
    own = re.split(r"\[std(?:out|err)\]", errors)[0]  # what follows is said by a package's build
    if not any(sign in own for sign in _NETWORK):
        return
    raise BuilderError(
        f"uv cannot reach the package index: {errors[:500]}",
        hint="check the network, the index URL and the CA bundle",
    )


def _failure(attempt: Attempt | None, sentences: list[str]) -> Failure:
    errors = attempt.errors if attempt else ""
    reason = "unbuildable" if "Failed to build" in errors else "unsatisfiable"
    if attempt is not None and attempt.code is None:
        reason = "timeout"
    detail = "\n".join([*sentences, errors[-DETAIL_BYTES:]])
    return Failure(stage="lock", reason=reason, detail=detail)
