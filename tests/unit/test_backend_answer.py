"""What a build back-end's answer changes, and how its output is read."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.metadata.ask import MARKER
from curate.builders.metadata.build_system import (
    BuildSystem,
    read_build_system,
    render_question,
    version_variables,
)
from curate.builders.metadata.parse import parse_installed, parse_reply
from curate.builders.model import RequirementsLock
from curate.builders.requirements import (
    BackendAnswer,
    Manifest,
    Requirement,
    read_answered_manifest,
    read_manifest,
)
from curate.builders.requirements.backend_answer import normalize_requirement
from curate.environments.ask_backend import start_of_half_year
from curate.environments.install_check import find_lacking, is_satisfied
from curate.recipes.schema import RequirementSources
from tests.helpers.fakes import expect
from tests.helpers.instance_spec import DATE

WHEEL = """\
Metadata-Version: 2.1
Name: Thing
Requires-Python: >=3.7
Classifier: Programming Language :: Python :: 3.8
Requires-Dist: six >=1.0
Requires-Dist: old ; python_version < "3.0"
Requires-Dist: extra-one (>=2) ; extra == 'one'
Provides-Extra: one

Requires-Dist: not-a-header
"""
REQUIRES = """\
six>=1

[:python_version < "3.9"]
backport

[:python_version >= "3.9"]
late

[one]
extra-one

[one:sys_platform == "win32"]
windows-only
"""


def output(**fields: object) -> bytes:
    return f"noise\n{MARKER}[1]\n{MARKER}{{broken\n{MARKER}{json.dumps(fields)}\n".encode()


def answered(
    tmp_path: Path, answer: BackendAnswer, python: str = "3.8", **sources: object
) -> Manifest:
    parsed = RequirementSources.model_validate(sources)
    return expect(Manifest, read_answered_manifest(FolderTree(tmp_path), parsed, answer, python))


def lines(manifest: Manifest) -> list[str]:
    return [item.line for item in manifest.requirements]


def test_metadata_of_a_wheel_are_read() -> None:
    answer = expect(BackendAnswer, parse_reply(output(metadata=WHEEL, requires=None)).answer)
    assert answer == BackendAnswer(
        name="Thing",
        requires=("six >=1.0", 'old ; python_version < "3.0"', "extra-one (>=2) ; extra == 'one'"),
        extras=("one",),
        requires_python=">=3.7",
        classifiers=("Programming Language :: Python :: 3.8",),
    )


@pytest.mark.parametrize(("python", "conditional"), [("3.8", "backport"), ("3.10", "late")])
def test_sections_of_requires_txt_are_read(tmp_path: Path, python: str, conditional: str) -> None:
    reply = parse_reply(output(metadata="Name: thing\n", requires=REQUIRES))
    answer = expect(BackendAnswer, reply.answer)
    assert lines(answered(tmp_path, answer, python)) == ["six>=1", conditional]
    assert lines(answered(tmp_path, answer, python, extras=["one"])) == [
        "six>=1",
        conditional,
        "extra-one",
    ]


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\xff\xfe",
        output(),
        output(metadata=7, needs="x", record=[], error=None),
        output(metadata="", requires={}),
        output(metadata="no header", requires="x"),
        (MARKER + "[" * 100_000).encode(),
    ],
)
def test_anything_else_is_no_answer(printed: bytes) -> None:
    reply = parse_reply(printed)
    assert (reply.answer, reply.needs) == (None, ())
    assert not reply.record.is_complete


def test_an_error_is_one_short_printable_line() -> None:
    reply = parse_reply(output(metadata=None, error="a\n\x1b[31mb" + "c" * 999))
    assert reply.error.startswith("a [31mbccc")
    assert len(reply.error) == 300


def test_a_record_is_complete_unless_a_program_ran() -> None:
    whole = parse_reply(output(record="read\ta.txt\nlisted\t.\nchecked\tb\nother\tc\n")).record
    assert whole.is_complete
    assert "a.txt" in whole.read
    assert (whole.listed, whole.checked) == ((".",), ("b",))
    assert not parse_reply(output(record="read\ta.txt\nran\t?\n")).record.is_complete
    assert not parse_reply(output(record="read\ta\n" * 3000)).record.is_complete


def test_an_answer_that_confirms_what_was_read_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text(
        "[metadata]\nname=thing\n[options]\ninstall_requires =\n  six>=1\n"
        "  win ; sys_platform == 'win32'\n  z[b,a]<2.0,>=1.0.0\n"
    )
    answer = BackendAnswer(
        name="thing", requires=("six>=1.0", "win; sys_platform == 'win32'", "z[a,b] (>=1,<2)")
    )
    read = read_manifest(FolderTree(tmp_path), RequirementSources())
    assert answered(tmp_path, answer) == read


def test_an_answer_wins_and_says_what_it_changes(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='thing', install_requires=['six', 'gone', *other()])\n"
    )
    (tmp_path / "requirements.txt").write_text("gone-too\nsix\n")
    read = expect(Manifest, read_manifest(FolderTree(tmp_path), RequirementSources()))
    assert read.unknowns == read.notes != ()
    answer = BackendAnswer(name="thing", requires=("six", "new>=2"), requires_python=">=3.6")
    manifest = answered(tmp_path, answer, files=["requirements.txt"])
    assert lines(manifest) == ["six", "new>=2", "gone-too"]
    assert manifest.requires_python == ">=3.6"
    assert manifest.notes == (
        "the build back-end also requires new>=2",
        "the build back-end does not require gone",
    )


def test_a_recipe_may_still_exclude_what_is_answered(tmp_path: Path) -> None:
    answer = BackendAnswer(name="thing", requires=("six", "new"))
    assert lines(answered(tmp_path, answer, exclude=["new"])) == ["six"]
    assert lines(answered(tmp_path, answer, read_metadata=False)) == []


def test_a_script_that_cannot_be_followed_is_uncertain_rather_than_empty(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("import made_up\nmade_up.run()\n")
    read = expect(Manifest, read_manifest(FolderTree(tmp_path), RequirementSources()))
    assert read.unknowns == ("setup.py: its call of setup is not reached",)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Foo_Bar >= 1.0", "foo-bar>=1", True),
        ("a==1.0.*", "a==1.*", False),
        ("a~=1.0", "a~=1", False),
        ("a>1", "a>=1", False),
        ("a[x]", "a", False),
        ("a; python_version > '3'", "a", True),
    ],
)
def test_lines_are_compared_by_meaning(one: str, other: str, same: bool) -> None:
    assert (normalize_requirement(one) == normalize_requirement(other)) is same


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("six", True),
        ("six>=2", False),
        ("toml", False),
        ("pre>=1.0b1", True),
        ("six[extra]", False),
        ("https://host/x.zip", True),
    ],
)
def test_a_lock_satisfies_what_it_has_in_that_version(line: str, expected: bool) -> None:
    lock = RequirementsLock(text="six==1.16.0\npre==1.0b2\n", python="3.8", exclude_newer=DATE)
    assert is_satisfied(line, lock) is expected


def test_what_the_lock_replaced_on_purpose_is_not_lacking() -> None:
    lock = RequirementsLock(text="psycopg2-binary==2.9\n", python="3.8", exclude_newer=DATE)
    items = [Requirement(line=it, name=it, origin="x") for it in ("psycopg2", "toml", "off")]
    off = Requirement(line="off; python_version < '3'", name="off", origin="x")
    installed = Manifest(requirements=(*items[:2], off))
    read = Manifest(requirements=(items[0],))
    assert find_lacking(installed, read, lock) == (items[1],)


def test_the_installed_project_is_found_by_name_else_above_others() -> None:
    found = b"".join(
        output(metadata=f"Name: {name}\nRequires-Dist: of-{name}\n", requires=None, folder=folder)
        for name, folder in [("plug_in", "/testbed/plugins/one"), ("core", "/testbed")]
    )
    assert expect(BackendAnswer, parse_installed(found, "plug-in")).name == "plug_in"
    assert expect(BackendAnswer, parse_installed(found, "")).name == "core"
    assert parse_installed(b"nothing", "core") is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"setup.py": ""}, BuildSystem(requires=("setuptools", "wheel"))),
        (
            {"pyproject.toml": "[build-system]\nrequires=['hatchling']\nbuild-backend='h.b'\n"},
            BuildSystem(requires=("hatchling",), backend="h.b"),
        ),
        (
            {"pyproject.toml": "[tool.black]\n", "setup.py": ""},
            BuildSystem(requires=("setuptools", "wheel")),
        ),
        (
            {"setup.cfg": "[metadata]\n"},
            BuildSystem(requires=("setuptools", "wheel"), backend="setuptools.build_meta"),
        ),
        (
            {"pyproject.toml": "[build-system]\nrequires=[1,'setuptools>=40']\n", "setup.py": ""},
            BuildSystem(requires=("setuptools>=40", "setuptools", "wheel")),
        ),
        ({"README": ""}, None),
        ({"pyproject.toml": "[broken"}, None),
    ],
)
def test_the_build_system_of_a_commit(
    files: dict[str, str], expected: BuildSystem | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert read_build_system(FolderTree(tmp_path)) == expected


def test_setuptools_without_hooks_is_asked_by_its_script() -> None:
    hooks = render_question(BuildSystem(requires=(), backend="setuptools.build_meta"))
    other = render_question(BuildSystem(requires=(), backend="hatchling.build"))
    assert hooks.count("python -B") == 2
    assert other.count("python -B") == 1


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2020-01-01", "2020-01-01"), ("2020-06-30", "2020-01-01"), ("2020-12-31", "2020-07-01")],
)
def test_build_tools_are_those_of_the_half_year(moment: str, expected: str) -> None:
    date, start = (datetime.fromisoformat(it).replace(tzinfo=UTC) for it in (moment, expected))
    assert start_of_half_year(date) == start


def test_back_ends_get_a_version_also_without_tags() -> None:
    assert set(version_variables("2.1").values()) == {"2.1"}
    assert set(version_variables("").values()) == {"1.0"}
