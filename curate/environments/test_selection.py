"""Which tests a candidate is judged by, and the command that runs them."""

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest

from curate.patches.file_kinds import matches
from curate.patches.parse import sections
from recipes import Cases, EnvRecipe, Recipe

NEIGHBOURS = 10
"""Unchanged cases that run on either side of a changed one, so that PASS_TO_PASS guards something.

A test file brings its other tests by itself; a file of data-driven cases has hundreds.
"""

TOGETHER = 500
"""Names that are joined by `or` without parentheses.

pytest (since 6.0) makes one level of a syntax tree of each `or`, and Python's own limit on
recursion ends that below a thousand: "RecursionError", and no test is collected.
"""

_RUNNABLE = re.compile(r"test_.*\.py|.*_test\.py|tests?\.py")

Reader = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Changed test files and, for data-driven tests, cases; paths are relative, posix."""

    files: tuple[str, ...]
    cases: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.cases)

    def command(self, env: EnvRecipe, cases: Cases | None, *, backwards: bool = False) -> str:
        """Shell command of one run; *backwards* names the files in the opposite order."""
        if self.cases and cases:
            modules = tuple(path.rsplit("/", 1)[-1] for path in self.files)
            return cases.test.format(keywords=_any_of((*self.cases, *modules)))
        files = reversed(self.files) if backwards else self.files
        return env.test.format(tests=" ".join(shlex.quote(path) for path in files))


def select(recipe: Recipe, test_patch: bytes, *, before: Reader, after: Reader) -> Selection:
    """What *test_patch* changes that can be run; *before* and *after* read files of either side."""
    changed = sections(test_patch)
    present = [part.path for part in changed if after(part.path) is not None]
    runnable = (path for path in present if _is_runnable(path))
    files = sorted(path for path in runnable if not matches(path, recipe.paths.helpers))
    cases = [
        name
        for path in present
        if recipe.cases and matches(path, recipe.cases.files)
        for name in chosen_cases(recipe.cases.pattern, before(path) or b"", after(path) or b"")
    ]
    return Selection(files=tuple(files), cases=tuple(dict.fromkeys(cases)))


def chosen_cases(
    pattern: str, before: bytes, after: bytes, neighbours: int = NEIGHBOURS
) -> list[str]:
    """Names of the blocks of *after* that *before* lacks or has otherwise, in order.

    As many as *neighbours* unchanged ones before and behind each come with them, but for those
    whose name is a part of another: asked for by that name, they would bring others from afar.
    """
    old, new = dict(_blocks(pattern, before)), list(_blocks(pattern, after))
    changed = [index for index, (name, text) in enumerate(new) if old.get(name) != text]
    names = [name for name, _ in new]
    return [
        name
        for index, name in enumerate(names)
        if index in changed
        or (
            any(abs(index - other) <= neighbours for other in changed)
            and not any(name != other and name in other for other in names)
        )
    ]


def _blocks(pattern: str, content: bytes) -> Iterable[tuple[str, str]]:
    text = content.decode("utf-8", "replace")
    heads = list(re.finditer(pattern, text, re.MULTILINE))
    for head, following in zip_longest(heads, heads[1:]):
        end = following.start() if following else len(text)
        yield head.group(1), text[head.start() : end].rstrip()


def _any_of(names: tuple[str, ...]) -> str:
    """Expression of pytest's `-k` that any of *names* meets."""
    starts = range(0, len(names), TOGETHER)
    groups = [" or ".join(names[start : start + TOGETHER]) for start in starts]
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


def _is_runnable(path: str) -> bool:
    return bool(_RUNNABLE.fullmatch(path.rsplit("/", 1)[-1]))
