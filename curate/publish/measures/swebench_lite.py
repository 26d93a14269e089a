"""SWE-bench Lite's criteria, evaluated offline: which of them an instance violates.

`CODED_CRITERIA` follows SWE-bench's code including its quirks, `DOCUMENTED_CRITERIA` its
documentation. Both ignore documentation and configuration in the gold patch, as SWE-Gym's published
patches do. A criterion is a name and a predicate that is true if the criterion is violated.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from curate.patches.parse import FilePatch, split_files
from curate.patches.stats import iter_changed_lines, iter_hunks, source_file_patches

_KEYWORDS = r"close[sd]?|fix|fixes|fixed|resolve[sd]?"
_REFERENCE = re.compile(rf"\b(?:{_KEYWORDS})\s+#\d+", re.IGNORECASE)
_NUMBER = re.compile(r"#(\d+)")
_GITLAB = re.compile(r"https?://gitlab\.com/[^\s]+/issues/\d+")
_COMMIT = re.compile(r"(?<!/)\b[0-9a-f]{40}\b")
_DJANGO_COMMIT = re.compile(r"\[[0-9a-f]{23}\]")
_LINK = re.compile(r"(?:https?://.+)|(?:www\..+)")
_URL = re.compile(r"(?:https?://|www\.)[^\s)>\]\"']+")
_SUFFIXES = (
    "png|jpg|jpeg|gif|bmp|tiff|svg|webp|ico|heif|bpg|avif"
    "|mp4|avi|mkv|mov|wmv|flv|webm|mpeg"
)  # fmt: skip
# As coded, a word must precede the dot: "a.png" is an image, "*.png" and ".png" are not.
_NAMED_IMAGE = re.compile(rf"\b\.(?:{_SUFFIXES})\b", re.IGNORECASE)
_IMAGE = re.compile(rf"\.(?:{_SUFFIXES})\b", re.IGNORECASE)
_RAISING = (b"pytest.raises", b"pytest.warns", b"pytest.deprecated_call")
_MESSAGES = (b"assertOutput", b"assertRaises", b"checks.Error")
_MATCHED = re.compile(rb"pytest\.(?:raises|warns|deprecated_call)\(.*?\bmatch\s*=", re.DOTALL)
_COMPARED = re.compile(rb"assert(?:Raises|Warns)(?:Regex|Message)\b|assertOutput|checks\.Error")
_CHECKING = (*_RAISING, *_MESSAGES, b"assertWarns")  # one is in whatever both of these match


@dataclass(frozen=True, kw_only=True)
class LiteInput:
    """The data that the criteria evaluate."""

    repo: str
    text: str  # problem statement
    patch: tuple[FilePatch, ...]  # of source files only
    test_patch: bytes
    highest_number: int  # highest known issue or PR number of the repository


LiteCriteria = Mapping[str, Callable[[LiteInput], bool]]


def make_lite_input(
    repo: str, text: str, patch: bytes, test_patch: bytes, highest_number: int
) -> LiteInput:
    """Return the input for the criteria; documentation is removed from *patch*."""
    parts = source_file_patches(patch)
    return LiteInput(
        repo=repo, text=text, patch=parts, test_patch=test_patch, highest_number=highest_number
    )


def violated_criteria(criteria: LiteCriteria, instance: LiteInput) -> list[str]:
    """Return the names of the *criteria* that *instance* violates, in their order."""
    return [name for name, is_violated in criteria.items() if is_violated(instance)]


def _refers_to_issue(text: str, highest_number: int) -> bool:
    """Whether *text* mentions an issue or PR by number.

    SWE-bench looks up every #N on GitHub. Issues and PRs share one sequence of numbers, so any
    number up to the highest known one exists, unless it was deleted.
    """
    if _REFERENCE.search(text) or _GITLAB.search(text):
        return True
    return any(0 < int(number) <= highest_number for number in _NUMBER.findall(text))


def _is_own_repository_url(url: str, repo: str) -> bool:
    """Whether *url* points into *repo*, but not to an issue, PR or commit."""
    bare = re.sub(r"^https?://(?:www\.)?", "", url).lower().removesuffix("/")
    repository_url = f"github.com/{repo.lower()}"
    inside = bare == repository_url or bare.startswith(repository_url + "/")
    return inside and not re.match(r"/(?:issues|pull|commit)/", bare[len(repository_url) :])


def _has_header(parts: tuple[FilePatch, ...], *prefixes: bytes) -> bool:
    headers = (part.data.partition(b"\n@@ ")[0] for part in parts)
    return any(b"\n" + prefix in header for header in headers for prefix in prefixes)


def _count_hunks(parts: tuple[FilePatch, ...]) -> int:
    return sum(1 for part in parts for _ in iter_hunks(part))


def _checks_messages_as_coded(patch: bytes) -> bool:
    if any(word in patch for word in _RAISING) and b"match" in patch:
        return True
    return any(word in patch for word in _MESSAGES)


def _checks_messages(patch: bytes) -> bool:
    if not any(word in patch for word in _CHECKING):  # without the work of reading the diff
        return False
    lines = (line for part in split_files(patch) for line in iter_changed_lines(part.data))
    added = b"\n".join(line.text for line in lines if line.is_added)
    return bool(_MATCHED.search(added) or _COMPARED.search(added))


_SHARED: LiteCriteria = {
    "commit-id": lambda s: bool(_COMMIT.search(s.text) or _DJANGO_COMMIT.search(s.text)),
    "not-one-file": lambda s: len(s.patch) != 1,
    "not-1-to-3-hunks": lambda s: not 0 < _count_hunks(s.patch) <= 3,
}

CODED_CRITERIA: LiteCriteria = {
    "words-up-to-40": lambda s: len(s.text.split()) <= 40,
    "link": lambda s: bool(_LINK.search(s.text)),  # any link: its exception never applies
    "reference": lambda s: _refers_to_issue(s.text, s.highest_number),
    "image": lambda s: bool(_NAMED_IMAGE.search(s.text)),
    "error-message": lambda s: _checks_messages_as_coded(s.test_patch),
    "adds-or-removes-files": lambda s: _has_header(s.patch, b"new file", b"deleted file"),
    **_SHARED,
}

DOCUMENTED_CRITERIA: LiteCriteria = {
    "words-below-40": lambda s: len(s.text.split()) < 40,
    "link": lambda s: any(not _is_own_repository_url(url, s.repo) for url in _URL.findall(s.text)),
    "reference": lambda s: _refers_to_issue(s.text, s.highest_number),
    "image": lambda s: bool(_IMAGE.search(s.text)),
    "error-message": lambda s: _checks_messages(s.test_patch),
    "adds-or-removes-files": lambda s: _has_header(
        s.patch, b"new file", b"deleted file", b"rename from", b"copy from"
    ),
    **_SHARED,
}
CRITERIA_BY_MODE: Mapping[str, LiteCriteria] = {
    "coded": CODED_CRITERIA,
    "documented": DOCUMENTED_CRITERIA,
}
COLUMN_BY_MODE: Mapping[str, str] = {
    "coded": "lite_violations",
    "documented": "lite_violations_documented",
}
