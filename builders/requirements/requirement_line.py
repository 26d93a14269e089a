"""Single requirement lines: clean, check, name."""

import re

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

_SUFFIX = "(?:a|b|c|rc|alpha|beta|pre|preview|post|rev|r|dev)[0-9.]*\\b"  # letters PEP 440 knows
# Forms that were legal before PEP 440 was enforced, and what they meant.
_LEGACY_SYNTAX = (
    (re.compile(r"(>=|<=|>|<|~=)(\s*[0-9.]+?)\.\*"), r"\1\2"),  # >=1.* means >=1
    (re.compile(r"(?<![<>=!~])=(?!=)\s*(?=\d)"), "=="),  # =1.2 means ==1.2
    (re.compile(r",\s*(?=;|$)"), ""),  # a comma at the end
    (re.compile(rf"((?:>=|>|~=)\s*\d[0-9.]*)(?!{_SUFFIX})[A-Za-z]\w*"), r"\1"),  # >=2011k: >=2011
)
_URL = re.compile(r"^(git|hg|svn|bzr)\+|^https?://|^file:|^\.{0,2}/|^\.")


class InvalidRequirementLine(Exception):
    """A line that no resolver may see; the message is a sentence."""


def parse_requirement(line: str) -> Parsed:
    """Return *line* as a PEP 508 requirement; raises `InvalidRequirementLine` for URLs, paths and
    nonsense."""
    text = _strip_line(line)
    if _URL.match(text):
        raise InvalidRequirementLine(f"dropped {text}: not from an index")
    try:
        parsed = Parsed(text)
    except InvalidRequirement:
        parsed = _parse_legacy(text)
    if parsed.url:
        raise InvalidRequirementLine(f"dropped {parsed.name}: {parsed.url} is not from an index")
    return parsed


def is_valid_requirement(line: str) -> bool:
    """Whether *line* is a requirement as it stands, with nothing to be guessed."""
    try:
        Parsed(line)
    except InvalidRequirement:
        return False
    return True


def parse_name(line: str) -> str:
    """Return the normalised name in *line*; raises `InvalidRequirementLine`."""
    return canonicalize_name(parse_requirement(line).name)


def add_marker(line: str, marker: str) -> str:
    """Return *line* with *marker* added ("" = none); raises `InvalidRequirementLine`."""
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
        raise InvalidRequirementLine(f"dropped {text!r}: not a requirement") from error


def _strip_line(line: str) -> str:
    """Remove comments, hashes and per-requirement options."""
    text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
    return re.split(r"\s--?[a-zA-Z]", text, maxsplit=1)[0].strip()
