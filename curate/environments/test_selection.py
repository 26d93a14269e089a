"""The tests that validate a candidate, and the command that runs them."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from curate.builders.text import replace_unstorable
from curate.core.model import Rejection
from curate.environments.data_readers import DataFile
from curate.environments.pytest_ini import PytestFiles
from curate.patches.file_kinds import matches_any_glob
from curate.patches.parse import split_files
from curate.recipes import DataDrivenTests, EnvRecipe, Recipe

CONTEXT_CASES = 10
"""Unchanged cases before and after each changed one that run as well, to fill PASS_TO_PASS.

A changed test file runs as a whole; a file of data-driven cases has hundreds of them.
"""

MAX_CASES_PER_GROUP = 500
"""Maximum number of names joined by `or` without parentheses.

pytest (since 6.0) nests one syntax tree level per `or`; somewhere below 1000, Python's recursion
limit makes collection fail with a RecursionError.
"""

_RUNNABLE = re.compile(r"test_.*\.py|.*_test\.py|tests?\.py")

FileReader = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class TestSelection:
    """The tests that validate a candidate: arguments of pytest, or names of data-driven cases."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    files: tuple[str, ...]  # relative POSIX paths, or node ids once `data_files` were looked for
    case_names: tuple[str, ...] = ()
    # Changed files that `files` may read, where no test module has changed: which tests do is seen
    # in the sandbox.
    data_files: tuple[DataFile, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.case_names)

    def build_command(
        self,
        env: EnvRecipe,
        data_driven_tests: DataDrivenTests | None,
        *,
        reverse_files: bool = False,
    ) -> str:
        """Return the shell command of one run; *reverse_files* reverses the order of the files."""
        if self.case_names and data_driven_tests:
            modules = tuple(path.rsplit("/", 1)[-1] for path in self.files)
            return data_driven_tests.test_command.format(
                keywords=_keyword_expression((*self.case_names, *modules))
            )
        files = reversed(self.files) if reverse_files else self.files
        return env.test_command.format(tests=" ".join(shlex.quote(path) for path in files))


def select_tests(
    recipe: Recipe,
    test_patch: bytes,
    *,
    before: FileReader,
    after: FileReader,
    pytest_files: PytestFiles | None = None,
) -> TestSelection:
    """Select the runnable tests that *test_patch* changes.

    *before* and *after* read a file at the base and at the head commit, None if it is missing.
    *pytest_files* says which files pytest's configuration takes for tests, besides usual names.
    """
    present = list_present(test_patch, after)
    cases = [
        name
        for path in present
        if recipe.data_driven_tests and matches_any_glob(path, recipe.data_driven_tests.files)
        for name in changed_cases(
            recipe.data_driven_tests.pattern, before(path) or b"", after(path) or b""
        )
    ]
    # Where the recipe names cases, it says what the tests are.
    runnable = (path for path in present if is_runnable(path, None if cases else pytest_files))
    files = sorted(
        path for path in runnable if not matches_any_glob(path, recipe.paths.not_collected)
    )
    return TestSelection(files=tuple(files), case_names=tuple(dict.fromkeys(cases)))


def list_present(test_patch: bytes, after: FileReader) -> list[str]:
    """Return the paths that *test_patch* changes and that exist after it."""
    changed = dict.fromkeys(part.path for part in split_files(test_patch))
    return [path for path in changed if after(path) is not None]


def reject_empty_selection(
    recipe: Recipe,
    test_patch: bytes,
    after: FileReader,
    pytest_files: PytestFiles | None = None,
) -> Rejection:
    """Say why `select_tests` found nothing to run: removed tests, data alone, or the recipe."""
    paths = list(dict.fromkeys(part.path for part in split_files(test_patch)))
    present = [path for path in paths if after(path) is not None]
    runnable = [path for path in present if is_runnable(path, pytest_files)]
    driven = recipe.data_driven_tests
    if not present or (not runnable and set(present) <= _list_shortened(test_patch)):
        reason, files = "tests-only-removed", paths
    elif runnable:
        reason, files = "tests-not-collected", runnable  # `paths.not_collected` of the recipe
    elif driven and any(matches_any_glob(path, driven.files) for path in present):
        reason, files = "no-changed-cases", present
    else:
        reason, files = "no-test-module-changed", present
    return Rejection(stage="plan", reason=reason, detail=name_some(files))


def _list_shortened(test_patch: bytes) -> set[str]:
    """Return the Python files from which *test_patch* only removes lines, as a list of tests."""
    added = re.compile(rb"^\+(?!\+\+ )", re.MULTILINE)
    parts = [part for part in split_files(test_patch) if part.path.endswith(".py")]
    return {part.path for part in parts if b"\n-" in part.data and not added.search(part.data)}


def name_some(paths: Sequence[str]) -> str:
    """Return the first five of *paths* and how many more there are, as text."""
    more = f" and {len(paths) - 5:,} more" if len(paths) > 5 else ""
    return ", ".join(paths[:5]) + more


def changed_cases(
    pattern: str, before: bytes, after: bytes, context: int = CONTEXT_CASES
) -> list[str]:
    """Return the names of cases in *after* that are new or changed since *before*, in order.

    Up to *context* unchanged cases before and after each are included, except those whose name is
    a substring of another: `-k` would select that other case, too.
    """
    old, new = dict(_split_cases(pattern, before)), list(_split_cases(pattern, after))
    changed = [index for index, (name, text) in enumerate(new) if old.get(name) != text]
    names = [name for name, _ in new]
    return [
        name
        for index, name in enumerate(names)
        if index in changed
        or (
            any(abs(index - other) <= context for other in changed)
            and not any(name != other and name in other for other in names)
        )
    ]


def _split_cases(pattern: str, content: bytes) -> Iterable[tuple[str, str]]:
    text = content.decode("utf-8", "replace")
    headers = list(re.finditer(pattern, text, re.MULTILINE))
    for header, following in zip_longest(headers, headers[1:]):
        end = following.start() if following else len(text)
        yield header.group(1), text[header.start() : end].rstrip()


def _keyword_expression(names: tuple[str, ...]) -> str:
    """Return an expression for pytest's `-k` that selects all *names*."""
    starts = range(0, len(names), MAX_CASES_PER_GROUP)
    groups = [" or ".join(names[start : start + MAX_CASES_PER_GROUP]) for start in starts]
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


def is_runnable(path: str, pytest_files: PytestFiles | None = None) -> bool:
    """Whether *path* is a test file that a command can name, which is UTF-8."""
    name = path.rpartition("/")[2]
    if path != replace_unstorable(path) or name == "conftest.py":
        return False
    if _RUNNABLE.fullmatch(name):
        return True
    if pytest_files is None:
        return False
    return pytest_files.is_test_module(path) or pytest_files.is_doctest_file(path)
