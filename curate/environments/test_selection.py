"""Which tests a candidate is judged by, and the command that runs them."""

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest

from curate.patches.file_kinds import matches_any_glob
from curate.patches.parse import split_files
from recipes import DataDrivenTests, EnvRecipe, Recipe

CONTEXT_CASES = 10
"""Unchanged cases that run on either side of a changed one, so that PASS_TO_PASS guards something.

A test file brings its other tests by itself; a file of data-driven cases has hundreds.
"""

MAX_CASES_PER_GROUP = 500
"""Names that are joined by `or` without parentheses.

pytest (since 6.0) makes one level of a syntax tree of each `or`, and Python's own limit on
recursion ends that below a thousand: "RecursionError", and no test is collected.
"""

_RUNNABLE = re.compile(r"test_.*\.py|.*_test\.py|tests?\.py")

FileReader = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class TestSelection:
    """Changed test files and, for data-driven tests, cases; paths are relative, posix."""

    __test__ = False  # pytest need not look for tests in it

    files: tuple[str, ...]
    case_names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.case_names)

    def build_command(
        self,
        env: EnvRecipe,
        data_driven_tests: DataDrivenTests | None,
        *,
        reverse_files: bool = False,
    ) -> str:
        """Shell command of one run; *reverse_files* names the files in the opposite order."""
        if self.case_names and data_driven_tests:
            modules = tuple(path.rsplit("/", 1)[-1] for path in self.files)
            return data_driven_tests.test_command.format(
                keywords=_keyword_expression((*self.case_names, *modules))
            )
        files = reversed(self.files) if reverse_files else self.files
        return env.test_command.format(tests=" ".join(shlex.quote(path) for path in files))


def select_tests(
    recipe: Recipe, test_patch: bytes, *, before: FileReader, after: FileReader
) -> TestSelection:
    """What *test_patch* changes that can be run; *before* and *after* read files of either side."""
    changed = split_files(test_patch)
    present = [part.path for part in changed if after(part.path) is not None]
    runnable = (path for path in present if _is_runnable(path))
    files = sorted(
        path for path in runnable if not matches_any_glob(path, recipe.paths.not_collected)
    )
    cases = [
        name
        for path in present
        if recipe.data_driven_tests and matches_any_glob(path, recipe.data_driven_tests.files)
        for name in changed_cases(
            recipe.data_driven_tests.pattern, before(path) or b"", after(path) or b""
        )
    ]
    return TestSelection(files=tuple(files), case_names=tuple(dict.fromkeys(cases)))


def changed_cases(
    pattern: str, before: bytes, after: bytes, context: int = CONTEXT_CASES
) -> list[str]:
    """Names of the blocks of *after* that *before* lacks or has otherwise, in order.

    As many as *context* unchanged ones before and behind each come with them, but for those
    whose name is a part of another: asked for by that name, they would bring others from afar.
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
    heads = list(re.finditer(pattern, text, re.MULTILINE))
    for head, following in zip_longest(heads, heads[1:]):
        end = following.start() if following else len(text)
        yield head.group(1), text[head.start() : end].rstrip()


def _keyword_expression(names: tuple[str, ...]) -> str:
    """Expression of pytest's `-k` that any of *names* meets."""
    starts = range(0, len(names), MAX_CASES_PER_GROUP)
    groups = [" or ".join(names[start : start + MAX_CASES_PER_GROUP]) for start in starts]
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


def _is_runnable(path: str) -> bool:
    return bool(_RUNNABLE.fullmatch(path.rsplit("/", 1)[-1]))
