"""Metadata of releases that uv passes over because it cannot read them, put so that it can.

Until 2020 pip took versions that PEP 440 does not know, and releases of then ask for some: pandas
before 0.25 for `pytz (>=2011k)`. uv leaves such releases out, and does not say so by itself where
it finds a way without them. Then a release of many years before takes their place.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_string

from builders.requirements.requirement_line import (
    InvalidRequirementLine,
    is_valid_requirement,
    parse_requirement,
)

LOG = {"RUST_LOG": "uv=warn"}  # makes uv tell what it passes over

_UNREAD = re.compile(r"^WARN `([A-Za-z0-9][\w.-]*)==([^`]+)` has invalid metadata", re.M)


@dataclass(frozen=True, kw_only=True)
class ReleaseMetadata:
    """What a release requires, in today's terms, and a sentence for every line that was changed."""

    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def skipped_releases(errors: str) -> dict[str, str]:
    """Return the release that uv would have liked most of each project it could not read.

    *errors* is uv's standard error under `LOG`, where releases stand in the order of its wishes.
    """
    found: dict[str, str] = {}
    for name, version in _UNREAD.findall(errors):
        found.setdefault(name, version)
    return found


def parse_metadata(text: str, name: str, version: str) -> ReleaseMetadata | None:
    """Read the METADATA file of a release; None where a line of it has no meaning today either."""
    message = message_from_string(text)
    lines: list[str] = message.get_all("Requires-Dist") or []
    try:
        requires = [str(parse_requirement(line)) for line in lines]
        python = parse_requirement(f"python {message.get('Requires-Python') or ''}").specifier
    except InvalidRequirementLine:
        return None
    return ReleaseMetadata(
        name=name,
        version=version,
        requires=tuple(requires),
        requires_python=str(python),
        extras=tuple(message.get_all("Provides-Extra") or ()),
        changes=tuple(
            f"read {before!r} of {name} {version} as {after!r}: it is not valid today"
            for before, after in zip(lines, requires, strict=True)
            if not is_valid_requirement(before)
        ),
    )


def render_uv_config(known: Iterable[ReleaseMetadata]) -> str:
    """Return a `uv.toml` by which uv takes *known* for the metadata of these releases."""
    return "\n".join(_render_entry(item) for item in known)


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
