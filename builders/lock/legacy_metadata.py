"""Invalid metadata of old releases, rewritten so that uv can read it.

Until 2020, pip accepted versions that are invalid under PEP 440, and releases of that time require
some: pandas before 0.25 requires `pytz (>=2011k)`. uv skips such releases without a message if it
finds a solution without them, which may be a release that is many years older.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_string

from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    is_valid_requirement,
    parse_requirement,
)

LOG = {"RUST_LOG": "uv=warn"}  # makes uv log the releases it skips

_SKIPPED = re.compile(r"^WARN `([A-Za-z0-9][\w.-]*)==([^`]+)` has invalid metadata", re.M)


@dataclass(frozen=True, kw_only=True)
class ReleaseMetadata:
    """Requirements of a release in valid syntax, and a sentence for each line that was changed."""

    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def skipped_releases(errors: str) -> dict[str, str]:
    """Return project -> version of the preferred release that uv could not read.

    *errors* is uv's standard error with `LOG`, which lists releases in order of preference.
    """
    found: dict[str, str] = {}
    for name, version in _SKIPPED.findall(errors):
        found.setdefault(name, version)
    return found


def parse_metadata(text: str, name: str, version: str) -> ReleaseMetadata | None:
    """Parse the METADATA file of a release; None if a line of it cannot be made valid."""
    message = message_from_string(text)
    lines: list[str] = message.get_all("Requires-Dist") or []
    try:
        requires = [str(parse_requirement(line)) for line in lines]
        python = parse_requirement(f"python {message.get('Requires-Python') or ''}").specifier
    except InvalidRequirementLineError:
        return None
    return ReleaseMetadata(
        name=name,
        version=version,
        requires=tuple(requires),
        requires_python=str(python),
        extras=tuple(message.get_all("Provides-Extra") or ()),
        changes=tuple(
            f"read {before!r} of {name} {version} as {after!r}: it is not valid (PEP 508)"
            for before, after in zip(lines, requires, strict=True)
            if not is_valid_requirement(before)
        ),
    )


def render_uv_config(releases: Iterable[ReleaseMetadata]) -> str:
    """Return a `uv.toml` that overrides the metadata of these *releases*."""
    return "\n".join(_render_entry(item) for item in releases)


def _render_entry(item: ReleaseMetadata) -> str:
    fields = {
        "name": item.name,
        "version": item.version,
        "requires-dist": item.requires,
        "requires-python": item.requires_python,
        "provides-extra": item.extras,
    }
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if value)
    return "[[dependency-metadata]]\n" + "".join(lines)
