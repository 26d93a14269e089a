"""Parse single requirement lines."""

import re

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

_SUFFIX = "(?:a|b|c|rc|alpha|beta|pre|preview|post|rev|r|dev)[0-9.]*\\b"  # valid in PEP 440
# Syntax that was accepted before PEP 440 was enforced, and its meaning.
_LEGACY_SYNTAX = (
    (re.compile(r"(>=|<=|>|<|~=)(\s*[0-9.]+?)\.\*"), r"\1\2"),  # >=1.* means >=1
    (re.compile(r"(?<![<>=!~])=(?!=)\s*(?=\d)"), "=="),  # =1.2 means ==1.2
    (re.compile(r",\s*(?=;|$)"), ""),  # a comma at the end
    (re.compile(rf"((?:>=|>|~=)\s*\d[0-9.]*)(?!{_SUFFIX})[A-Za-z]\w*"), r"\1"),  # >=2011k: >=2011
)
# Name with extras, bounds, marker.
_PARTS = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?)\s*(?P<bounds>\(?[<>=!~][^;]*)(?P<marker>;.*)?"
)
_URL = re.compile(r"^(git|hg|svn|bzr)\+|^https?://|^file:|^\.{0,2}/|^\.")


class InvalidRequirementLineError(Exception):
    """A line that cannot be passed to a resolver; the message is a note on the dropped line."""


def parse_requirement(line: str) -> Parsed:
    """Parse *line* as a PEP 508 requirement, or in syntax that was accepted before PEP 440.

    Raises:
        InvalidRequirementLineError: It is a URL, a path, or no requirement.
    """
    return parse_with_note(line)[0]


def parse_with_note(line: str) -> tuple[Parsed, str]:
    """Parse *line* like `parse_requirement`; also return a note on bounds that were dropped.

    These are bounds with a version that is none (`pytz>dev`); the note is "" without any.
    """
    text = _strip_line(line)
    if _URL.match(text):
        raise InvalidRequirementLineError(f"dropped {text}: not from an index")
    note = ""
    try:
        parsed = Parsed(text)
    except InvalidRequirement:
        parsed, note = _parse_legacy(text)
    if parsed.url:
        raise InvalidRequirementLineError(
            f"dropped {parsed.name}: {parsed.url} is not from an index"
        )
    return parsed, note


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


def _parse_legacy(text: str) -> tuple[Parsed, str]:
    changed = text
    for pattern, replacement in _LEGACY_SYNTAX:
        changed = pattern.sub(replacement, changed)
    try:
        return Parsed(changed), ""
    except InvalidRequirement as error:
        parsed, dropped = _drop_bounds(changed)
        if parsed is None:
            message = f"dropped {text!r}: not a valid requirement"
            raise InvalidRequirementLineError(message) from error
    return parsed, f"dropped {', '.join(dropped)} of {parsed.name}: not a valid bound"


def _drop_bounds(text: str) -> tuple[Parsed | None, list[str]]:
    """Return the requirement without its invalid bounds, and these; None if that is not it."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None, []
    clauses = [it.strip() for it in parts["bounds"].strip("() ").split(",") if it.strip()]
    valid = [it for it in clauses if _is_specifier(it)]
    dropped = [it for it in clauses if it not in valid]
    rest = f"{parts['name']}{','.join(valid)}{parts['marker'] or ''}"
    return (Parsed(rest), dropped) if dropped and is_valid_requirement(rest) else (None, [])


def _is_specifier(clause: str) -> bool:
    try:
        SpecifierSet(clause)
    except InvalidSpecifier:
        return False
    return True


def _strip_line(line: str) -> str:
    """Remove comments, hashes and per-requirement options."""
    text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
    return re.split(r"\s--?[a-zA-Z]", text, maxsplit=1)[0].strip()
