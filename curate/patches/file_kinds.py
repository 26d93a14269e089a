"""Which files are tests and which are source, by path segments and file names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

TEST_SEGMENTS = frozenset({"test", "tests", "e2e", "testing"})
TEST_NAMES = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")
DOCUMENTATION_SEGMENTS = frozenset(
    {"doc", "docs", "news", "newsfragments", "changelog.d", ".github"}
)
DOCUMENTATION_SUFFIXES = frozenset(
    {".rst", ".md", ".txt", ".cfg", ".ini", ".toml", ".yml", ".yaml", ".lock"}
)
DOCUMENTATION_NAMES = re.compile(
    r"(?:licen[cs]e|copying|notice|authors|contributors|changelog|changes|history|news"
    r"|readme|makefile|dockerfile|setup\.py|manifest\.in|codeowners)(?:\..*)?|\..*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class FileClassifier:
    """The default classification with a recipe's overrides; *sources* wins over *tests*.

    Globs match whole paths from the root: `*` stays within a segment, `**` crosses them, and
    a trailing `/` stands for everything below.
    """

    tests: Sequence[str] = ()
    sources: Sequence[str] = ()

    def is_test(self, path: str) -> bool:
        """Whether *path* (POSIX, relative to the root) belongs to the test patch."""
        if matches_any_glob(path, self.sources):
            return False
        if matches_any_glob(path, self.tests):
            return True
        *folders, name = path.split("/")
        return not TEST_SEGMENTS.isdisjoint(folders) or bool(TEST_NAMES.fullmatch(name))

    def is_source(self, path: str) -> bool:
        """Whether *path* is neither a test nor documentation or configuration."""
        if matches_any_glob(path, self.sources):
            return True
        return not self.is_test(path) and not is_documentation(path)


def is_documentation(path: str) -> bool:
    """Whether *path* is documentation or configuration, by its name alone."""
    pure = PurePosixPath(path)
    return (
        not DOCUMENTATION_SEGMENTS.isdisjoint(pure.parts[:-1])
        or pure.suffix.lower() in DOCUMENTATION_SUFFIXES
        or bool(DOCUMENTATION_NAMES.fullmatch(pure.name))
    )


def matches_any_glob(path: str, globs: Sequence[str]) -> bool:
    """Whether any of *globs* matches the whole *path*."""
    return bool(globs) and _compile_globs(tuple(globs)).fullmatch(path) is not None


@lru_cache(maxsize=1024)
def _compile_globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate_glob, globs)), re.DOTALL)


def translate_glob(glob: str) -> str:
    """Return the regular expression (for `fullmatch`) of *glob*; see `FileClassifier`."""
    glob = glob + "**" if glob.endswith("/") else glob
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("/"))
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(wildcards.get(token) or re.escape(token) for token in tokens)
