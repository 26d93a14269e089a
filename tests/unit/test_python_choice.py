from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.model import Failure
from curate.builders.python.choose import (
    PythonChoice,
    available_pythons,
    choose_python,
    find_interpreter,
)
from curate.builders.requirements import Manifest

ENDED = "classifiers end at 3.5"
ALL = ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]


def choose(
    when: str, versions: Sequence[str] = (), requires: str = "", available: Sequence[str] = ALL
) -> PythonChoice | Failure:
    classifiers = tuple(f"Programming Language :: Python :: {version}" for version in versions)
    manifest = Manifest(requirements=(), classifiers=classifiers, requires_python=requires)
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    return choose_python(manifest, as_of=moment, available=available)


@pytest.mark.parametrize(
    ("when", "versions", "requires", "python"),
    [
        ("2022-02-09", ["3", "3.8", "3.9"], "", "3.9"),
        ("2022-10-03", ["3.9", "3.10"], "", "3.9"),  # 3.10 is a day short of twelve months
        ("2022-10-04", ["3.9", "3.10"], "", "3.10"),
        ("2022-02-09", ["2.7", "3 :: Only"], "", "3.9"),  # no usable classifier
        ("2022-02-09", [], ">=3.6,<3.9", "3.8"),
        ("2022-02-09", ["3.8", "3.9"], "<3.9", "3.8"),
        ("2020-10-20", ["3.9"], ">=3.9", "3.9"),  # not settled, yet nothing else will do
        ("2022-02-09", ["3.7"], ">=3.8", "3.9"),  # classifiers forgotten behind
        ("2022-02-09", [], "not a specifier", "3.9"),
        ("2022-02-09", ["3.7"], ">=3.7.1", "3.7"),
        ("2022-02-09", [], ">=3.6.*, <3.9", "3.8"),  # accepted before PEP 440 was enforced
        ("2022-02-09", [], ">=3.6, <3.9.*", "3.8"),
        ("2022-02-09", [], "nonsense, <3.8", "3.7"),
    ],
)
def test_rule(when: str, versions: list[str], requires: str, python: str) -> None:
    chosen = choose(when, versions, requires)
    assert isinstance(chosen, PythonChoice)
    assert chosen.python == python


def test_says_what_was_missing() -> None:
    chosen = choose("2023-06-01", ["3.8", "3.9", "3.10"], available=["3.8"])
    assert isinstance(chosen, PythonChoice)
    assert chosen.python == "3.8"
    assert chosen.reason.endswith("not available: 3.9, 3.10")


@pytest.mark.parametrize(
    ("requires", "available", "detail"),
    [
        (">=4", ["3.8"], "requires-python is >=4; available: 3.8"),
        (">=3.3,<3.6", ALL[:2], "requires-python is >=3.3,<3.6; available: 3.6, 3.7"),
        (
            "<3.8",
            ["3.10", "3.9"],
            "requires-python is <3.8, which allows 3.6, 3.7; available: 3.9, 3.10",
        ),
        ("", [], "available: none"),
    ],
)
def test_nothing_fits(requires: str, available: list[str], detail: str) -> None:
    failed = choose("2022-01-01", requires=requires, available=available)
    assert isinstance(failed, Failure)
    assert (failed.stage, failed.reason) == ("lock", "no-compatible-python")
    assert failed.detail == detail


@pytest.mark.parametrize(
    ("when", "versions", "requires", "available", "python", "reason"),
    [
        # marshmallow 2.x of April 2016, before Python 3.6
        ("2016-04-01", ["2.6", "2.7", "3.3", "3.4", "3.5"], "", ALL, "3.6", ENDED),
        ("2016-04-01", [], "", ALL, "3.6", "was released by 2016-04-01"),
        ("2015-01-01", ["2.7", "3"], ">=2.7", ALL, "3.6", "was released by 2015-01-01"),
        ("2019-07-01", ["2.7", "3.4", "3.5"], "", ALL, "3.6", ENDED),
        ("2017-07-01", ["3.5", "3.6"], "", ["3.8", "3.9"], "3.8", "none of them was released"),
        ("2016-04-01", ["3.5"], ">=3.3,!=3.6.*", ALL, "3.7", ENDED),
    ],
)
def test_older_than_every_interpreter(
    when: str, versions: list[str], requires: str, available: list[str], python: str, reason: str
) -> None:
    chosen = choose(when, versions, requires, available)
    assert isinstance(chosen, PythonChoice)
    assert chosen.python == python
    assert chosen.reason.startswith("oldest available Python")
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("when", "versions", "requires"),
    [
        ("2015-04-01", ["2", "2.7"], ""),
        ("2018-04-01", ["2.7", "2 :: Only"], ""),
        ("2021-04-01", [], ">=2.6,<3"),
    ],
)
def test_python_2_alone_is_named(when: str, versions: list[str], requires: str) -> None:
    failed = choose(when, versions, requires)
    assert isinstance(failed, Failure)
    assert failed.reason == "needs-python-2"
    assert failed.detail.startswith("needs Python 2")


def test_forgotten_classifiers_do_not_need_python_2() -> None:
    assert isinstance(choose("2022-04-01", ["2.7"]), PythonChoice)
    assert isinstance(choose("2017-04-01", ["2.7"], ">=3.5"), PythonChoice)


def test_prefixes(tmp_path: Path) -> None:
    for version in ("3.8.2", "3.8.18", "3.10.1"):
        program = tmp_path / version / "bin" / f"python{version.rpartition('.')[0]}"
        program.parent.mkdir(parents=True)
        program.touch()
    assert available_pythons(tmp_path) == ("3.8", "3.10")
    assert find_interpreter(tmp_path, "3.8") == tmp_path / "3.8.18/bin/python3.8"
    assert find_interpreter(tmp_path, "3.9") is None
    assert find_interpreter(None, "3.8") is None
