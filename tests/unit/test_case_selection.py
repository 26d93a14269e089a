"""Which of the collected tests belong to changed data."""

from collections.abc import Mapping, Sequence

import pytest

from curate.builders.model import CollectedTest, Recording
from curate.environments.case_selection import (
    MAX_ARGUMENTS,
    mark_unstable,
    match_changed,
    match_opened,
    match_parameters,
)
from curate.environments.data_readers import DataFile
from curate.environments.test_selection import CONTEXT_CASES

SQL = DataFile(path="test/x/ansi/a.sql", names=("ansi/a.sql", "ansi/a"))
CASE = DataFile(path="tests/data/cases/fmt.py", names=("fmt.py", "fmt"))
RULE = DataFile(path="test/rules/L003.yml", names=("L003.yml", "L003"))
OWN = DataFile(path="tests/t/test_a.yml", names=("t/test_a.yml", "t/test_a"))


def recording(
    arguments: Sequence[str] | Mapping[str, Sequence[str]],
    opened: Mapping[str, Sequence[str]] | None = None,
) -> Recording:
    values = arguments if isinstance(arguments, Mapping) else dict.fromkeys(arguments, ())
    return Recording(
        tests=tuple(CollectedTest(argument=it, values=tuple(values[it])) for it in values),
        opened={name: tuple(paths) for name, paths in (opened or {}).items()},
    )


@pytest.mark.parametrize(
    ("tests", "file", "expected"),
    [
        # a parameter is the name or the stem, which wins over one that only begins with it
        (["t.py::f[fmt]", "u.py::f[fmt_2]", "u.py::g[other]"], CASE, ["t.py::f[fmt]"]),
        (["t.py::f[fmt.py]", "u.py::f[fmt]"], CASE, ["t.py::f[fmt.py]"]),
        # ids begin with the stem
        (["t.py::f[L003_test_1]", "u.py::f[L0031_a]"], RULE, ["t.py::f[L003_test_1]"]),
        # the folder is a parameter of its own
        (["t.py::f[ansi-a.sql]", "u.py::f[other-a.sql]"], SQL, ["t.py::f[ansi-a.sql]"]),
        # the values say what the ids do not
        ({"t.py::f[0]": ["/x/test/x/ansi/a.sql"], "u.py::f[1]": ["b"]}, SQL, ["t.py::f[0]"]),
        # the file is collected itself
        (["test/x/ansi/a.sql", "t.py::f[ansi-a.sql]"], SQL, ["test/x/ansi/a.sql"]),
        # stored results are named after the test
        (["t.py::test_a", "u.py::test_a"], OWN, ["t.py::test_a"]),
        # a word in a name is no mention of a file
        (["t.py::test_fmt", "t.py::f[reformat]", "t.py::f[no fmt here]"], CASE, []),
    ],
)
def test_tests_whose_parameters_name_the_file(
    tests: Sequence[str] | Mapping[str, Sequence[str]], file: DataFile, expected: list[str]
) -> None:
    assert list(match_parameters(recording(tests), [file])) == expected


def test_neighbours_are_those_by_name_whatever_the_order_of_collection() -> None:
    names = [f"t.py::f[c{number:02}]" for number in range(40)]
    changed = DataFile(path="d/c20.txt", names=("c20.txt", "c20"))
    found = match_parameters(recording(names[::-1]), [changed])
    assert list(found) == names[20 - CONTEXT_CASES : 21 + CONTEXT_CASES]
    assert found == match_parameters(recording(sorted(names, key=hash)), [changed])


def test_many_cases_are_given_by_function() -> None:
    names = [f"t.py::T::f[{number}/a.txt]" for number in range(MAX_ARGUMENTS + 1)]
    file = DataFile(path="d/a.txt", names=("a.txt", "a"))
    assert match_parameters(recording(names), [file]) == ("t.py::T::f",)


def test_a_name_that_pytest_would_take_apart_is_given_by_function() -> None:
    file = DataFile(path="d/a.txt", names=("a.txt", "a"))
    tests = {"t.py::f[a.txt::x]": ["a.txt"], "t.py::f[b::c]": ["b"], "t.py::g[1]": ["x"]}
    assert match_parameters(recording(tests), [file]) == ("t.py::f", "t.py::g[1]")


def test_modules_whose_tests_open_the_file_or_if_they_are_large_these_tests() -> None:
    names = [f"t.py::test_{number:03}" for number in range(MAX_ARGUMENTS)]
    opened = {"t.py::test_150": [SQL.path], "u.py::test_x": ["test/x/ansi"]}
    assert match_opened(recording([*names, "u.py::test_x"], opened), [SQL]) == ("t.py",)
    found = match_opened(recording([*names, "t.py::test_more", "u.py::test_x"], opened), [SQL])
    assert list(found) == names[150 - CONTEXT_CASES : 151 + CONTEXT_CASES]


def test_without_an_opener_the_tests_that_list_the_folder() -> None:
    seen = recording(["t.py::a", "u.py::b"], {"u.py::b": ["test/x/ansi"], "t.py::a": ["test/x"]})
    assert match_opened(seen, [SQL]) == ("u.py",)
    assert match_opened(recording(["t.py::a"]), [SQL]) == ()


def test_what_is_read_at_collection_belongs_to_the_whole_module() -> None:
    seen = recording(["t.py::a", "t.py::b", "u.py::c"], {"t.py": [SQL.path]})
    assert match_opened(seen, [SQL]) == ("t.py",)


def test_cases_that_a_module_makes_of_the_file_are_compared() -> None:
    opened = {"t.py": [RULE.path], "u.py": ["test/other.yml"]}
    names = [f"t.py::f[case_{number:02}]" for number in range(30)]
    old = {name: ["same"] for name in names} | {"u.py::g[x]": ["1"]}
    new = {**old, names[29]: ["changed"], "u.py::g[x]": ["2"], "t.py::f[case_30]": ["new"]}
    found = match_changed(recording(new, opened), recording(old, opened), [RULE])
    assert list(found) == [*names[29 - CONTEXT_CASES :], "t.py::f[case_30]"]
    assert not match_changed(recording(old, opened), recording(old, opened), [RULE])


def test_many_changed_cases_come_without_neighbours() -> None:
    names = [f"t.py::f[{n:04}-{'a.txt' if n % 5 else 'b'}]" for n in range(MAX_ARGUMENTS)]
    file = DataFile(path="d/a.txt", names=("a.txt", "a"))
    found = match_parameters(recording([*names, "t.py::g", "t.py::h"]), [file])
    assert len(found) == MAX_ARGUMENTS * 4 // 5 and "t.py::g" not in found


def test_a_test_that_not_every_run_collects_is_not_given_by_name() -> None:
    names = ["t.py::f[a.txt]", "t.py::f[0x7f00]", "t.py::g[c]", "u.py::h[a.txt-0x7f]", "u.py::i"]
    stable = mark_unstable(recording(names), recording([names[0], names[2], names[4]]))
    file = DataFile(path="d/a.txt", names=("a.txt", "a"))
    assert match_parameters(stable, [file]) == ("t.py::f[a.txt]", "t.py::g[c]", "u.py")
