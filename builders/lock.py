"""Dependencies as of a date: `uv pip compile` up to that date, in a bounded repair loop."""

import hashlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builders.errors import BuilderError, DiskFull
from builders.interpreter import find_interpreter
from builders.model import Failure, Lock
from builders.preparation import prepare
from builders.repairs import RULES, dropped_extras, repair
from builders.requirements import Manifest
from builders.scratch import VARIABLE, scratch, sweep_scratch
from builders.settings import BuildSettings

REPAIRS = 24  # more of them, and the result says little about the project
SECONDS = 900.0  # for one attempt, builds of old source distributions included
DETAIL_BYTES = 4000

REQUIREMENTS, CONSTRAINTS, EXCLUDES = "requirements.in", "constraints.txt", "excludes.txt"

# Variables of uv that change where things are, never what is resolved.
_UV_KEPT = frozenset({"UV_PYTHON_INSTALL_DIR", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_OFFLINE"})
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
class _Attempt:
    code: int | None  # None: stopped at the time limit
    output: str
    errors: str


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
    attempt = None
    changes = prepare(manifest)
    for _ in range(REPAIRS + 1):
        for change in changes:
            manifest = change.manifest
            sentences.append(change.sentence)
        attempt = _attempt(manifest, python, cutoff, settings, allow_prereleases, platform)
        if attempt.code == 0:
            return Lock(
                text=attempt.output,
                python=python,
                cutoff=cutoff,
                repairs=(*sentences, *dropped_extras(attempt.errors)),
                seconds=time.monotonic() - started,
            )
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
    arguments = ["pip", "compile", REQUIREMENTS, "--no-config", "--no-sources", "--no-header"]
    arguments += ["--constraints", CONSTRAINTS] if manifest.constraints else []
    arguments += ["--excludes", EXCLUDES] if manifest.project else []
    arguments += ["--python", interpreter, "--exclude-newer", timestamp(cutoff)]
    for name, own in sorted(manifest.exempt.items()):
        arguments += ["--exclude-newer-package", f"{name}={own}"]
    arguments += ["--prerelease", "allow"] if allow_prereleases else []
    return arguments + (["--python-platform", platform] if platform else [])


def compile_files(manifest: Manifest) -> dict[str, str]:
    """Return uv's input files by name.

    The project under test is excluded: it comes from the checkout, whoever else may ask for it.
    """
    lines = {
        REQUIREMENTS: [item.line for item in manifest.requirements],
        CONSTRAINTS: list(manifest.constraints),
        EXCLUDES: [manifest.project] if manifest.project else [],
    }
    return {name: "".join(f"{line}\n" for line in text) for name, text in lines.items()}


def sweep_locks() -> None:
    """End resolutions whose process was killed, and remove their folders."""
    sweep_scratch(Path(tempfile.gettempdir()), "lock")


def timestamp(moment: datetime) -> str:
    """Return *moment*, which must be aware, in RFC 3339 to the microsecond, never rounded up."""
    if moment.tzinfo is None:
        raise ValueError("a cutoff needs a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def uv_environment(settings: BuildSettings, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the variables uv gets: *outer* without what would change a resolution."""
    kept = {k: v for k, v in outer.items() if not k.startswith("UV_") or k in _UV_KEPT}
    kept["UV_CACHE_DIR"] = str(settings.cache / "uv")
    kept["NO_COLOR"] = "1"
    if settings.ca_bundle is not None:
        kept["SSL_CERT_FILE"] = str(settings.ca_bundle)
    if settings.index_url:
        kept["UV_DEFAULT_INDEX"] = settings.index_url
    return kept


def _attempt(
    manifest: Manifest,
    python: str,
    cutoff: datetime,
    settings: BuildSettings,
    allow_prereleases: bool,
    platform: str,
) -> _Attempt:
    import uv

    found = find_interpreter(settings.interpreters, python)
    arguments = compile_arguments(
        manifest,
        interpreter=str(found) if found else python,
        cutoff=cutoff,
        allow_prereleases=allow_prereleases,
        platform=platform,
    )
    with scratch(Path(tempfile.gettempdir()), "lock") as folder:
        for name, text in compile_files(manifest).items():
            (folder / name).write_text(text)
        environment = uv_environment(settings, os.environ) | {VARIABLE: str(folder)}
        return _run([uv.find_uv_bin(), *arguments], folder, environment)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> _Attempt:
    """Run *command* in a process group of its own, so that a stuck build ends with it."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return _Attempt(code=None, output="", errors=f"stopped after {SECONDS:.0f} s")
    return _Attempt(code=process.returncode, output=output, errors=errors)


def _check_machine(attempt: _Attempt) -> None:
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


def _failure(attempt: _Attempt | None, sentences: list[str]) -> Failure:
    errors = attempt.errors if attempt else ""
    reason = "unbuildable" if "Failed to build" in errors else "unsatisfiable"
    if attempt is not None and attempt.code is None:
        reason = "timeout"
    detail = "\n".join([*sentences, errors[-DETAIL_BYTES:]])
    return Failure(stage="lock", reason=reason, detail=detail)
