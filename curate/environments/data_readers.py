"""The test modules that read changed data files, found in the text of the modules.

A module names a file by its name, its stem, a folder above it or a glob; or it imports a helper, or
uses a fixture of a `conftest.py`, that does. Modules that name what is nearest come first.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath

from curate.builders.git.tree import GitTree
from curate.environments.module_facts import READER, ModuleFacts
from curate.patches.file_kinds import TEST_SEGMENTS

MAX_READERS = 8
"""Maximum number of modules that are tried."""

# How much a mention says, from a file's own name down to a folder listing somewhere above it.
_NAME, _STEM, _FOLDER, _GLOB, _AMBIGUOUS, _SUFFIX, _LISTING = 100, 80, 60, 70, 25, 15, 12
_IMPORTED, _OWN_FOLDER, _PER_FOLDER, _MAX_GAP = 75, 75, 8, 45
_IMPORT_LOSS, _FIXTURE_LOSS = 5, 15  # by a helper that is imported, or a fixture of a conftest.py
_MIN_STEM = 3
_FOLDER_PREFIXES = ("test-", "test_")  # a test folder may be named after its tests


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A changed file that tests read."""

    path: str
    # Ends of its path that no other test file has, with and without suffix: "x/a.sql", "x/a"
    names: tuple[str, ...]


class TestTree:
    """The files of a commit that belong to its tests."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    def __init__(self, tree: GitTree, paths: Iterable[str], modules: Collection[str]) -> None:
        """*paths* are all test files in *tree*, *modules* those that pytest can run."""
        self.tree = tree
        self.paths = tuple(paths)
        self.modules = tuple(modules)

    @cached_property
    def helpers(self) -> tuple[str, ...]:
        """Python files that are not run by themselves."""
        known = set(self.modules)
        return tuple(it for it in self.paths if it.endswith(".py") and it not in known)

    @cached_property
    def _name_counts(self) -> Counter[str]:
        """How many folders have a file of that name, or of that stem."""
        pairs = {
            (folder, word)
            for folder, _, name in (path.rpartition("/") for path in self.paths)
            for word in {name, _strip_suffix(name)}
        }
        return Counter(word for _, word in pairs)

    @cached_property
    def _imports(self) -> frozenset[str]:
        """Every name that a test module imports, but for those of the standard library."""
        names = frozenset[str]().union(*(self.read_facts(it).imports for it in self.modules))
        return names - sys.stdlib_module_names

    def is_helper(self, path: str) -> bool:
        """Whether *path* is Python code that test modules import, or a `conftest.py`.

        The folders between it and the tests' own must be imported, too: data may have any name.
        """
        if not path.endswith(".py"):
            return False
        name, folders = module_name(path), PurePosixPath(path).parts[:-1]
        top = next((n for n, part in enumerate(folders) if part in TEST_SEGMENTS), 0)
        needed = {name, *folders[top + 1 :]}
        return name == "conftest" or (name not in TEST_SEGMENTS and needed <= self._imports)

    def is_unique(self, word: str) -> bool:
        """Whether files of this name, or stem, are in one folder only."""
        return self._name_counts[word] <= 1

    def read_facts(self, path: str) -> ModuleFacts:
        """Return the facts of the Python file *path*."""
        return READER.read(self.tree, path)


def module_name(path: str) -> str:
    """Return the last part of the name by which the Python file *path* is imported."""
    pure = PurePosixPath(path)
    return pure.parent.name if pure.name == "__init__.py" else pure.stem


def describe_data_file(path: str, tests: TestTree) -> DataFile:
    """Return *path* with the names that denote it alone."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    count = 1
    if not (tests.is_unique(name) and tests.is_unique(_strip_suffix(name))):
        count = 2
        ends = ["/".join(PurePosixPath(it).parts[-2:]) for it in tests.paths if it.endswith(name)]
        count = 2 if ends.count("/".join(parts[-2:])) <= 1 else 3
    end = "/".join(parts[-count:])
    return DataFile(path=path, names=tuple(dict.fromkeys((end, _strip_suffix(end)))))


def find_data_readers(data: Sequence[str], tests: TestTree) -> tuple[str, ...]:
    """Return the modules that may read *data*, at most MAX_READERS; the likeliest first."""
    words = _merge_words(data, tests)
    helpers: dict[str, int] = {}
    for path in tests.helpers:
        score = _score_mentions(tests.read_facts(path), words, data)
        if path in data:
            score = max(score, _IMPORTED)
        if score >= _SUFFIX:
            helpers[path] = score
    scores: dict[str, int] = {}
    for path in tests.modules:
        facts = tests.read_facts(path)
        score = max(
            _score_mentions(facts, words, data),
            _score_helpers(path, facts, helpers, tests),
            _LISTING if facts.lists_folders and _is_above(path, data) else 0,
            _OWN_FOLDER if any(_is_named_after(it, path) for it in data) else 0,
        )
        if score:
            scores[path] = score + _nearness(path, data)
    return _take_likeliest(scores)


def collects_itself(path: str, tests: TestTree) -> bool:
    """Whether a `conftest.py` above the data file *path* makes pytest collect such files."""
    return any(
        helper.endswith("conftest.py")
        and _is_above(helper, [path])
        and (facts := tests.read_facts(helper)).collects_files
        and _score_mentions(facts, _merge_words([path], tests), [path]) > 0
        for helper in tests.helpers
    )


def _take_likeliest(scores: Mapping[str, int]) -> tuple[str, ...]:
    best = max(scores.values(), default=0)
    ranked = sorted(scores, key=lambda path: (-scores[path], path))
    return tuple(it for it in ranked if scores[it] >= best - _MAX_GAP)[:MAX_READERS]


def _merge_words(data: Iterable[str], tests: TestTree) -> dict[str, int]:
    """Return literal -> score of all literals without wildcards that mean one of *data*."""
    merged: dict[str, int] = {}
    for path in data:
        for word, score in _score_words(path, tests).items():
            merged[word] = max(score, merged.get(word, 0))
    return merged


def _score_words(path: str, tests: TestTree) -> dict[str, int]:
    parts = PurePosixPath(path).parts
    words: dict[str, int] = {}
    suffix = PurePosixPath(path).suffix
    if suffix not in ("", ".py"):
        words[suffix] = words[suffix[1:]] = _SUFFIX
    top = next((n for n, part in enumerate(parts) if part in TEST_SEGMENTS), 0)
    for end in range(top + 2, len(parts)):
        score = _FOLDER - _PER_FOLDER * (len(parts) - 1 - end)
        for word in (*_ends(parts[:end], top), *_strip_prefixes(parts[end - 1])):
            words[word] = max(score, words.get(word, 0))
    for word in _ends(parts, 0):
        stem = _strip_suffix(word)
        is_exact = "/" in word or tests.is_unique(word)
        words[word] = _NAME if is_exact else _AMBIGUOUS
        if len(stem) >= _MIN_STEM and stem != word:
            is_exact = "/" in stem or tests.is_unique(stem)
            words[stem] = max(_STEM if is_exact else _AMBIGUOUS, words.get(stem, 0))
    return words


def _ends(parts: Sequence[str], top: int) -> list[str]:
    """Return the ends of a path that begin with its part *top* or a later one."""
    return ["/".join(parts[start:]) for start in range(top, len(parts))]


def _strip_prefixes(folder: str) -> list[str]:
    rests = [folder.removeprefix(it) for it in _FOLDER_PREFIXES if folder.startswith(it)]
    return [rest for rest in rests if len(rest) >= _MIN_STEM]


def _strip_suffix(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem = name.partition(".")[0] or name
    return f"{folder}{slash}{stem}"


def _score_mentions(facts: ModuleFacts, words: Mapping[str, int], data: Iterable[str]) -> int:
    found = facts.literals & words.keys()
    score = max((words[word] for word in found), default=0)
    if score >= _GLOB:
        return score
    return max([score, *(_score_glob(glob, data) for glob in facts.globs)])


def _score_glob(glob: str, data: Iterable[str]) -> int:
    if not any(letter.isalnum() for letter in glob):
        return 0
    if not any(fnmatchcase(f"/{path}", f"*/{glob}") for path in data):
        return 0
    return _GLOB if "/" in glob.replace("**/", "") else _SUFFIX + 5


def _score_helpers(
    path: str, facts: ModuleFacts, helpers: Mapping[str, int], tests: TestTree
) -> int:
    scores = [0]
    for helper, score in helpers.items():
        name = module_name(helper)
        is_conftest = name == "conftest"
        if is_conftest and not _is_above(helper, [path]):
            continue
        if name not in TEST_SEGMENTS and name in facts.imports:
            scores.append(score - _IMPORT_LOSS)
        elif is_conftest and tests.read_facts(helper).fixtures & facts.parameters:
            scores.append(score - _FIXTURE_LOSS)
    return max(scores)


def _is_named_after(path: str, module: str) -> bool:
    """Whether a part of *path* has the name of *module*, as in `__snapshots__/test_a.ambr`.

    Plugins that compare with stored results name files so, without a word in the module.
    """
    stem = PurePosixPath(module).stem
    parts = PurePosixPath(path).parts
    is_near = path.startswith(module.rpartition("/")[0])
    return is_near and (stem in parts[:-1] or stem == _strip_suffix(parts[-1]))


def _is_above(path: str, data: Iterable[str]) -> bool:
    folder = path.rpartition("/")[0]
    return any(not folder or it.startswith(f"{folder}/") for it in data)


def _nearness(path: str, data: Iterable[str]) -> int:
    """Return 0 to 7: the folders that *path* shares with the nearest of *data*, and like names."""
    pure = PurePosixPath(path)
    folders, words = pure.parts[:-1], {*pure.parts[:-1], *pure.stem.split("_")}
    nearest = 0
    for other in data:
        parts = PurePosixPath(other).parts[:-1]
        pairs = zip(folders, parts, strict=False)
        shared = next(
            (n for n, (one, two) in enumerate(pairs) if one != two), min(len(folders), len(parts))
        )
        is_alike = not words.isdisjoint(set(parts[shared:]) - TEST_SEGMENTS)
        nearest = max(nearest, min(shared, 4) + 3 * is_alike)
    return nearest
