"""One call of `uv pip compile`: its arguments, its files, and whether the machine failed it."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from curate.builders.errors import BuilderError, DiskFullError
from curate.builders.lock.archives import unpacked_folder
from curate.builders.lock.initial_changes import reupload_cutoffs
from curate.builders.lock.legacy_metadata import ReleaseMetadata, render_uv_config
from curate.builders.lock.target import ResolutionTarget
from curate.builders.lock.tool_dates import list_tool_cutoffs
from curate.builders.lock.uv import UvResult, run_uv
from curate.builders.requirements import Manifest
from curate.builders.rfc3339 import format_rfc3339

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


def compile_arguments(
    manifest: Manifest,
    *,
    interpreter: str,
    cutoff: datetime,
    allow_prereleases: bool,
    platform: str,
    find_links: Iterable[Path] = (),
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
    for folder in find_links:
        arguments += ["--find-links", str(folder)]
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


def run_uv_compile(
    manifest: Manifest, target: ResolutionTarget, metadata: Iterable[ReleaseMetadata]
) -> UvResult:
    """Run `uv pip compile` on *manifest*, with *metadata* that uv cannot read itself."""
    tools = list_tool_cutoffs(target.python, target.cutoff)
    arguments = compile_arguments(
        replace(manifest, cutoff_overrides={**tools, **manifest.cutoff_overrides}),
        interpreter=target.interpreter,
        cutoff=target.cutoff,
        allow_prereleases=target.allow_prereleases,
        platform=target.platform,
        find_links=[unpacked_folder(archive, target.settings) for archive in manifest.archives],
    )
    files = compile_files(manifest)
    files[CONFIG] = render_uv_config(metadata)
    with run_uv(arguments, target.settings, files) as (attempt, _):
        return attempt


def raise_if_infrastructure(attempt: UvResult) -> None:
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
