"""Parse single requirement lines."""

import re

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

_SUFFIX = "(?:a|b|c|rc|alpha|beta|pre|preview|post|rev|r|dev)[0-9.]*\\b"  # valid in PEP 440
# Syntax that was accepted before PEP 440 was enforced, and its meaning.
_LEGACY_SYNTAX = (
    (re.compile(r"(>=|<=|>|<|~=)(\s*[0-9.]+?)\.\*"), r"\1\2"),  # >=1.* means >=1
    (re.compile(r"(?<![<>=!~])=(?!=)\s*(?=\d)"), "=="),  # =1.2 means ==1.2
    (re.compile(r",\s*(?=;|$)"), ""),  # a comma at the end
    (re.compile(rf"((?:>=|>|~=)\s*\d[0-9.]*)(?!{_SUFFIX})[A-Za-z]\w*"), r"\1"),  # >=2011k: >=2011
)
_URL = re.compile(r"^(git|hg|svn|bzr)\+|^https?://|^file:|^\.{0,2}/|^\.")


class InvalidRequirementLineError(Exception):
    """A line that cannot be passed to a resolver; the message is a note on the dropped line."""


def parse_requirement(line: str) -> Parsed:
    """Parse *line* as a PEP 508 requirement, or in syntax that was accepted before PEP 440.

    Raises:
        InvalidRequirementLineError: It is a URL, a path, or no requirement.
    """
    text = _strip_line(line)
    if _URL.match(text):
        raise InvalidRequirementLineError(f"dropped {text}: not from an index")
    try:
        parsed = Parsed(text)
    except InvalidRequirement:
        parsed = _parse_legacy(text)
    if parsed.url:
        raise InvalidRequirementLineError(
            f"dropped {parsed.name}: {parsed.url} is not from an index"
        )
    return parsed


def is_valid_requirement(line: str) -> bool:
    """Whether *line* is valid under PEP 508."""
    try:
        Parsed(line)
    except InvalidRequirement:
        return False
    return True


def parse_name(line: str) -> str:
    """Return the normalized name in *line*.

    Raises:
        InvalidRequirementLineError: As for `parse_requirement`.
    """
    return canonicalize_name(parse_requirement(line).name)


def add_marker(line: str, marker: str) -> str:
    """Return *line* with *marker* added ("" = none).

    Raises:
        InvalidRequirementLineError: As for `parse_requirement`.
    """
    parsed = parse_requirement(line)
    if marker:
        joined = f"({parsed.marker}) and ({marker})" if parsed.marker else marker
        parsed.marker = Marker(joined)
    return str(parsed)


def _parse_legacy(text: str) -> Parsed:
    changed = text
    for pattern, replacement in _LEGACY_SYNTAX:
        changed = pattern.sub(replacement, changed)
    try:
        return Parsed(changed)
    except InvalidRequirement as error:
        raise InvalidRequirementLineError(f"dropped {text!r}: not a valid requirement") from error


def _strip_line(line: str) -> str:
    """Remove comments, hashes and per-requirement options."""
    text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
    return re.split(r"\s--?[a-zA-Z]", text, maxsplit=1)[0].strip()
