"""What the text of a Python file in the test folders says of the files that it reads.

The text is searched, not parsed: it may be of any version of Python, and thousands are read.
"""

import re
import threading
from dataclasses import dataclass
from functools import cached_property

from curate.builders.git.tree import GitTree
from curate.builders.requirements.text import decode_text

MAX_STORED = 8_192
"""Maximum number of files whose facts are kept; neighbouring commits share nearly all files."""

_STRING = re.compile(r'"([^"\n\\]{1,200})"|\'([^\'\n\\]{1,200})\'')
_WORD = re.compile(r"\S+")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}|%\(\w+\)s|%[sd]")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^#\n]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_PARAMETERS = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+test\w*\(([^)]*)\)", re.MULTILINE)
_FIXTURE = re.compile(
    r"^[ \t]*@(?:\w+\.)?\w*fixture\b[^\n]*(?:\n(?![ \t]*(?:async[ \t]+)?def\b)[^\n]*)*\n"
    r"[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)",
    re.MULTILINE,
)
_LISTS_FOLDERS = re.compile(r"\b(?:glob|rglob|iglob|listdir|scandir|iterdir|os\.walk)\(")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class ModuleFacts:
    """Facts of one file."""

    literals: frozenset[str]  # string literals without blanks; "*" stands for placeholders
    imports: frozenset[str]  # every name in an import statement, without dots
    parameters: frozenset[str]  # of test functions: fixtures that they use
    fixtures: frozenset[str]  # that the file defines
    lists_folders: bool  # whether it lists folders or uses globs
    collects_files: bool  # whether it makes pytest collect other files than modules

    @cached_property
    def globs(self) -> tuple[str, ...]:
        """The literals that have a wildcard."""
        return tuple(sorted(it for it in self.literals if "*" in it))


def parse_facts(content: bytes) -> ModuleFacts:
    """Return the facts of a file's *content*."""
    text = decode_text(content)
    strings = (double or single for double, single in _STRING.findall(text))
    literals = {_normalize(it) for it in strings if _WORD.fullmatch(it)}
    imports = (name for groups in _IMPORT.findall(text) for name in _NAME.findall(" ".join(groups)))
    parameters = (name for it in _PARAMETERS.findall(text) for name in _NAME.findall(it))
    return ModuleFacts(
        literals=frozenset(literals - {""}),
        imports=frozenset(imports),
        parameters=frozenset(parameters),
        fixtures=frozenset(_FIXTURE.findall(text)),
        lists_folders=bool(_LISTS_FOLDERS.search(text)),
        collects_files="def pytest_collect_file" in text,
    )


def _normalize(literal: str) -> str:
    text = _PLACEHOLDER.sub("*", literal).replace("\\", "/")
    while text.startswith(("./", "../", "/", "*/")):
        text = text.partition("/")[2]
    return text.rstrip("/")


class FactsReader:
    """Reads facts of files of any commit; equal files are parsed once. Threads may share it."""

    def __init__(self) -> None:
        self._facts: dict[str, ModuleFacts] = {}
        self._lock = threading.Lock()

    def read(self, tree: GitTree, path: str) -> ModuleFacts:
        """Return the facts of *path* in *tree*."""
        oid = tree.object_id(path) or ""
        with self._lock:
            known = self._facts.get(oid)
        if known is None:
            known = parse_facts(tree.read(path) or b"")
            with self._lock:
                if len(self._facts) >= MAX_STORED:
                    self._facts.clear()
                self._facts[oid] = known
        return known


READER = FactsReader()
