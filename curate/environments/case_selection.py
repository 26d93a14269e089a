"""The tests of changed data among those that a sandbox collected, as arguments of pytest."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from curate.builders.model import CollectedTest, Recording
from curate.environments.data_readers import DataFile
from curate.environments.test_selection import CONTEXT_CASES

MAX_ARGUMENTS = 400
"""Maximum number of tests given by name; pytest looks each up, and more are given by function."""

_SEPARATOR = re.compile(r"[^A-Za-z0-9]")
_MIN_STEM = 3
_WHOLE, _OWN, _EXACT, _STEM, _START = 5, 4, 3, 2, 1  # how closely a test's parameters name a file


@dataclass(frozen=True)
class _Case:
    """A collected test, taken apart."""

    test: CollectedTest

    @property
    def module(self) -> str:
        return self.test.argument.partition("::")[0]

    @cached_property
    def function(self) -> str:
        """Its argument without parameters."""
        return self.test.argument.partition("[")[0]

    @cached_property
    def pieces(self) -> frozenset[str]:
        """Parameters, as values and as pytest names them."""
        named = self.test.argument.partition("[")[2].removesuffix("]")
        texts = (*self.test.values, named, *named.split("-"))
        return frozenset(text.replace("\\", "/") for text in texts if text)

    @property
    def is_nameable(self) -> bool:
        """Whether every version of pytest finds the test by its argument, in every run."""
        argument = self.test.argument
        is_plain = "::" not in argument.partition("[")[2] and argument.isprintable()
        return self.test.is_stable and is_plain

    @property
    def wider_argument(self) -> str:
        """What contains the test, for one that cannot be named."""
        return self.function if self.test.is_stable else self.module


def match_parameters(recording: Recording, data: Sequence[DataFile]) -> tuple[str, ...]:
    """Return the tests whose parameters name *data*, and unchanged ones beside them."""
    cases = _sort_cases(recording)
    matched: set[int] = set()
    for file in data:
        levels = [_match_level(case, file) for case in cases]
        best = max(levels, default=0)
        if best:
            matched.update(number for number, level in enumerate(levels) if level == best)
    return _name_with_context(cases, matched)


def match_changed(
    recording: Recording, unpatched: Recording, data: Sequence[DataFile]
) -> tuple[str, ...]:
    """Return the tests that *data* changes where modules make tests of it when they are collected.

    These are tests that *unpatched*, a recording without the test patch, lacks, or has with other
    parameters. Unchanged ones beside them are included.
    """
    modules = list_collecting_modules(recording, data)
    old = {test.argument: test.values for test in unpatched.tests}
    cases = _sort_cases(recording)
    return _name_with_context(
        cases,
        {
            number
            for number, case in enumerate(cases)
            if case.module in modules and old.get(case.test.argument) != case.test.values
        },
    )


def list_collecting_modules(recording: Recording, data: Sequence[DataFile]) -> frozenset[str]:
    """Return the modules that open one of *data* when they are collected."""
    paths, tests = {file.path for file in data}, {test.argument for test in recording.tests}
    return frozenset(
        name.partition("::")[0]
        for name, opened in recording.opened.items()
        if name not in tests and not paths.isdisjoint(opened)
    )


def match_opened(recording: Recording, data: Sequence[DataFile]) -> tuple[str, ...]:
    """Return the modules whose tests open *data*, else those whose tests list its folders.

    Whole modules, since others of their tests may use what one has read, and what is read at
    collection. Of modules with more than MAX_ARGUMENTS tests in all, only the tests that open it.
    """
    cases = _sort_cases(recording)
    paths = {file.path for file in data}
    folders = {path.rpartition("/")[0] for path in paths}
    return _select_openers(cases, recording, paths) or _select_openers(cases, recording, folders)


def _select_openers(
    cases: Sequence[_Case], recording: Recording, paths: Collection[str]
) -> tuple[str, ...]:
    opened = {name for name, its in recording.opened.items() if not set(paths).isdisjoint(its)}
    openers = {n for n, case in enumerate(cases) if case.test.argument in opened}
    at_collection = opened - {case.test.argument for case in cases}
    modules = {name.partition("::")[0] for name in at_collection}
    opening = {cases[number].module for number in openers}
    if sum(case.module in opening for case in cases) <= MAX_ARGUMENTS:
        modules |= opening
    whole = [it for it in _modules(cases) if it in modules]
    return _drop_covered((*whole, *_name_with_context(cases, openers)))


def mark_unstable(recording: Recording, other: Recording) -> Recording:
    """Mark tests that *other*, a recording of the same modules, lacks.

    pytest refuses all of its arguments if one of them names no test.
    """
    known = {test.argument for test in other.tests}
    tests = (replace(it, is_stable=it.argument in known) for it in recording.tests)
    return replace(recording, tests=tuple(tests))


def _sort_cases(recording: Recording) -> list[_Case]:
    """Sort by name: the order of collection may be that of a folder on some disk."""
    return sorted(map(_Case, recording.tests), key=lambda case: case.test.argument)


def _modules(cases: Iterable[_Case]) -> list[str]:
    return list(dict.fromkeys(case.module for case in cases))


def _match_level(case: _Case, file: DataFile) -> int:
    if case.module == file.path:
        return _WHOLE
    for name in file.names:
        *folders, last = name.split("/")
        if not all(_names_folder(case.pieces, folder) for folder in folders):
            continue
        if any(piece == last or piece.endswith(f"/{last}") for piece in case.pieces):
            return _EXACT if name == file.names[0] else _STEM
    if _is_named_after(file, case):
        return _STEM
    last = file.names[-1].rpartition("/")[2]
    if len(last) < _MIN_STEM or "/" in file.names[-1]:
        return 0
    return _START if any(_starts_with(piece, last) for piece in case.pieces) else 0


def _is_named_after(file: DataFile, case: _Case) -> bool:
    """Whether *file* has the name of the test, and if others do, its module is in the path."""
    stem = file.names[-1].rpartition("/")[2]
    module = PurePosixPath(case.module).stem
    is_its_own = "/" not in file.names[-1] or module in file.path.split("/")
    return stem.startswith("test") and case.function.rpartition("::")[2] == stem and is_its_own


def _names_folder(pieces: Collection[str], folder: str) -> bool:
    return any(piece == folder or folder in piece.split("/") for piece in pieces)


def _starts_with(piece: str, word: str) -> bool:
    rest = piece.rpartition("/")[2]
    return rest.startswith(word) and bool(_SEPARATOR.match(rest[len(word) :]))


def _name_with_context(cases: Sequence[_Case], matched: Collection[int]) -> tuple[str, ...]:
    """Name the cases *matched*, and CONTEXT_CASES of the same module before and after each.

    Those beside them are left out if there are more than MAX_ARGUMENTS in all.
    """
    named = _name_cases(cases, matched, _list_near(cases, matched))
    if len(named) > MAX_ARGUMENTS:
        named = _name_cases(cases, matched, set())
    if len(named) > MAX_ARGUMENTS:
        named = [cases[number].function for number in sorted(matched)]
    return _drop_covered(named)


def _name_cases(
    cases: Sequence[_Case], matched: Collection[int], near: Collection[int]
) -> list[str]:
    names = []
    for number, case in enumerate(cases):
        if case.is_nameable and (number in matched or number in near):
            names.append(case.test.argument)
        elif number in matched:
            names.append(case.wider_argument)
    return names


def _list_near(cases: Sequence[_Case], matched: Collection[int]) -> set[int]:
    by_module: dict[str, list[int]] = {}
    for number, case in enumerate(cases):
        by_module.setdefault(case.module, []).append(number)
    near: set[int] = set()
    for numbers in by_module.values():
        hits = [place for place, number in enumerate(numbers) if number in matched]
        near.update(numbers[place] for place in _places_near(hits, len(numbers)))
    return near


def _places_near(hits: Sequence[int], count: int) -> set[int]:
    known = set(hits)
    near: set[int] = set()
    for hit in hits:
        before = [place for place in range(hit - 1, -1, -1) if place not in known][:CONTEXT_CASES]
        after = [place for place in range(hit + 1, count) if place not in known][:CONTEXT_CASES]
        near.update(before, after)
    return near


def _drop_covered(arguments: Iterable[str]) -> tuple[str, ...]:
    """Drop arguments that another one, a module or function, contains."""
    ordered = dict.fromkeys(arguments)
    return tuple(it for it in ordered if not any(end in ordered for end in _containers(it)))


def _containers(argument: str) -> Mapping[str, None]:
    names = argument.partition("[")[0]
    parts = names.split("::")
    wider = ["::".join(parts[:end]) for end in range(1, len(parts))]
    return dict.fromkeys([*wider, *([names] if names != argument else [])])
