import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from curate.builders.errors import DiskFullError
from curate.builders.lock import resolve as resolve_module
from curate.builders.lock.dates import tool_dates
from curate.builders.lock.initial_changes import initial_changes
from curate.builders.lock.legacy_metadata import ReleaseMetadata, parse_metadata, render_uv_config
from curate.builders.lock.repair import (
    ADJUSTMENT_VERSION,
    LockAdjustment,
    find_adjustment,
    missing_extra_notes,
)
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.lock.uv import UvResult
from curate.builders.lock.uv_compile import compile_arguments, compile_files
from curate.builders.model import RequirementsLock
from curate.builders.requirements import Manifest, Requirement
from curate.builders.requirements.requirement_line import parse_name
from curate.builders.rfc3339 import format_rfc3339
from curate.builders.settings import BuildSettings
from tests.helpers.fakes import not_none

KEY_DATE = datetime(2022, 1, 1, tzinfo=UTC)
ERRORS = Path(__file__).parent / "uv_errors"


def manifest(*lines: str, core: Collection[str] = (), constraints: Iterable[str] = ()) -> Manifest:
    """Requirements by line; names of *core* are core."""
    items = [
        Requirement(line=line, name=name, origin="r.txt", is_core=name in core)
        for line in lines
        for name in [parse_name(line)]
    ]
    return Manifest(requirements=tuple(items), constraints=tuple(constraints), project="own")


def error(name: str) -> str:
    return (ERRORS / f"{name}.txt").read_text()


def lines(found: LockAdjustment | None) -> list[str]:
    assert found is not None
    return [item.line for item in found.manifest.requirements]


@pytest.mark.parametrize("core", [(), ("cfn-lint",)])
def test_vanished_pin_is_unpinned_even_in_the_core(core: tuple[str, ...]) -> None:
    found = find_adjustment(error("vanished_pin"), manifest("pytest", "cfn-lint==9.9.9", core=core))
    assert found is not None
    assert lines(found) == ["pytest", "cfn-lint"]
    assert found.sentence.startswith("unpinned cfn-lint==9.9.9: ")


def test_young_pin_gets_the_time_of_its_file() -> None:
    found = find_adjustment(error("young_pin"), manifest("pytest==7.1.0"))
    assert found is not None
    assert lines(found) == ["pytest==7.1.0"]
    assert found.manifest.cutoff_overrides == {"pytest": "2022-03-13T14:53:40.699000Z"}


def test_young_range_moves_by_a_month_first() -> None:
    found = find_adjustment(error("young_range"), manifest("pytest", "greenlet>=3.0.0rc3"))
    assert found is not None
    assert found.manifest.cutoff_overrides == {"greenlet": "2022-03-03T10:00:00Z"}


def test_reuploaded_project_is_widened_twice_and_then_given_up() -> None:
    first = find_adjustment(error("reuploaded"), manifest("pytest==4.2.0", core=("pytest",)))
    assert first is not None
    assert first.manifest.cutoff_overrides == {"atomicwrites": "2019-03-28T09:19:44Z"}
    second = find_adjustment(error("reuploaded_later"), first.manifest)
    assert second is not None
    assert second.manifest.cutoff_overrides == {"atomicwrites": "2022-07-08T18:31:41.459000Z"}
    assert find_adjustment(error("reuploaded_later"), second.manifest) is None


def test_unknown_project_is_dropped_unless_core() -> None:
    known = manifest("pytest", "zzzz-not-there-really")
    assert lines(find_adjustment(error("not_found"), known)) == ["pytest"]
    core = manifest("pytest", "zzzz-not-there-really", core=("pytest", "zzzz-not-there-really"))
    assert find_adjustment(error("not_found"), core) is None


def test_builds_get_later_setuptools_and_the_environment_does_not() -> None:
    known = manifest("pytest", "toolz")
    found = find_adjustment(error("old_setuptools"), known)
    assert found is not None
    assert lines(found) == ["pytest", "toolz"]
    assert sorted(found.manifest.cutoff_overrides) == ["setuptools", "wheel"]
    assert found.manifest.constraints == ("setuptools<=34.1.1",)
    again = find_adjustment(error("old_setuptools"), found.manifest)
    assert lines(again) == ["pytest"]


def test_unbuildable_is_dropped_unless_core() -> None:
    found = find_adjustment(error("does_not_build"), manifest("pytest", "sklearn"))
    assert found is not None
    assert lines(found) == ["pytest"]
    assert "does not build" in found.sentence
    core = manifest("pytest", "sklearn", core=("sklearn",))
    assert find_adjustment(error("does_not_build"), core) is None


def test_parent_of_an_unbuildable_is_dropped() -> None:
    hint = "hint: `sklearn` (v0.0.post10) was included because `needy` (v1.0) depends on `sklearn`"
    known = manifest("pytest", "needy")
    found = find_adjustment(f"{error('does_not_build')}\n{hint}\n", known)
    assert lines(found) == ["pytest"]


def test_yanked_everywhere_is_pinned() -> None:
    found = find_adjustment(error("yanked"), manifest("types-pkg-resources"))
    assert lines(found) == ["types-pkg-resources==0.1.3"]
    assert find_adjustment(error("yanked"), manifest("pytest", core=("pytest",))) is None


def test_yanked_without_names_takes_the_lower_bound_then_goes() -> None:
    core = ("types-typing-extensions",)
    found = find_adjustment(
        error("all_yanked"), manifest("types-typing-extensions>=3.7.0", core=core)
    )
    assert lines(found) == ["types-typing-extensions==3.7.0"]
    assert lines(find_adjustment(error("all_yanked"), manifest(*core, core=core))) == []


def test_conflict_loosens_before_it_drops() -> None:
    known = manifest("pytest==6.0", "pytest-asyncio==0.23.0", core=("pytest",))
    found = find_adjustment(error("conflict"), known)
    assert found is not None
    assert lines(found) == ["pytest==6.0", "pytest-asyncio"]
    assert lines(find_adjustment(error("conflict"), found.manifest)) == ["pytest==6.0"]


def test_core_stays_where_an_optional_conflicts() -> None:
    known = manifest("flask==2.0.0", "werkzeug<2", core=("flask",))
    assert lines(find_adjustment(error("core_against_optional"), known)) == ["flask==2.0.0"]
    both = manifest("flask==2.0.0", "werkzeug<2", core=("flask", "werkzeug"))
    assert find_adjustment(error("core_against_optional"), both) is None


def test_too_new_for_the_interpreter() -> None:
    found = find_adjustment(error("python_too_old"), manifest("numpy==1.22.0", "pytest"))
    assert lines(found) == ["numpy", "pytest"]


def test_constraint_gives_way() -> None:
    known = manifest("six>=1.10", core=("six",), constraints=("six<1", "attrs<9"))
    found = find_adjustment(error("constraint"), known)
    assert found is not None
    assert found.manifest.constraints == ("attrs<9",)


def test_wrapped_and_drawn_output_reads_alike() -> None:
    text = error("vanished_pin").replace("error:", "  ×").replace("  cause:", "  ╰─▶")
    drawn = text.replace("you require", "you\n      require").replace(
        "no version", "no\n  │ version"
    )
    assert lines(find_adjustment(drawn, manifest("pytest", "cfn-lint==9.9.9"))) == [
        "pytest",
        "cfn-lint",
    ]


def test_every_captured_error_has_an_answer_or_a_warning() -> None:
    for path in ERRORS.glob("*.txt"):
        assert "error:" in path.read_text() or missing_extra_notes(path.read_text())


def test_no_answer_to_other_texts() -> None:
    assert find_adjustment("error: something else", manifest("pytest")) is None
    assert find_adjustment("", manifest("pytest")) is None


def test_talk_of_a_failing_build_names_no_culprits() -> None:
    known = manifest("sklearn", "scikit-learn", "setuptools", core=("sklearn",))
    assert find_adjustment(error("does_not_build"), known) is None


def test_missing_extra_is_told() -> None:
    sentences = missing_extra_notes(error("missing_extra"))
    assert sentences == ("dropped extra nothere of requests: not declared there",)


def test_psycopg2_becomes_the_wheel() -> None:
    (found,) = initial_changes(manifest("psycopg2", "pytest"))
    assert [(item.name, item.line) for item in found.manifest.requirements] == [
        ("psycopg2-binary", "psycopg2-binary"),
        ("pytest", "pytest"),
    ]


def test_a_runner_is_added_where_none_is_declared() -> None:
    added, swapped = initial_changes(manifest("psycopg2"))
    assert lines(added) == ["psycopg2", "pytest"]
    assert lines(swapped) == ["psycopg2-binary", "pytest"]
    assert lines(initial_changes(manifest("nose"))[0]) == ["nose", "pytest"], (
        "nose alone reports nothing"
    )
    assert initial_changes(manifest("pytest")) == []


def test_cutoff_is_exact() -> None:
    east = timezone(timedelta(hours=2))
    assert (
        format_rfc3339(datetime(2022, 1, 31, 23, 59, 59, tzinfo=UTC), timespec="auto")
        == "2022-01-31T23:59:59Z"
    )
    assert (
        format_rfc3339(datetime(2022, 2, 1, 1, 0, 0, 7, tzinfo=east), timespec="auto")
        == "2022-01-31T23:00:00.000007Z"
    )
    with pytest.raises(ValueError):
        format_rfc3339(datetime(2022, 1, 1))


def test_command() -> None:
    known = replace(manifest("a"), cutoff_overrides=MappingProxyType({"b": "2022-03-01T00:00:00Z"}))
    command = compile_arguments(
        known,
        interpreter="3.8",
        cutoff=datetime(2022, 1, 1, tzinfo=UTC),
        allow_prereleases=True,
        platform="x86_64-unknown-linux-gnu",
        find_links=[Path("/cache/archives/x")],
    )
    text = " ".join(command)
    assert text.startswith("pip compile requirements.in --config-file uv.toml --no-sources")
    for part in (
        "--excludes excludes.txt",
        "--python 3.8 --exclude-newer 2022-01-01T00:00:00Z",
        "--exclude-newer-package atomicwrites=2022-07-09T00:00:00Z",
        "--exclude-newer-package b=2022-03-01T00:00:00Z",
        "--find-links /cache/archives/x",
        "--prerelease allow",
        "--python-platform x86_64-unknown-linux-gnu",
    ):
        assert part in text
    assert "--constraints" not in text
    assert compile_files(known)["excludes.txt"] == "own\n"


def test_key_depends_on_declarations_python_and_cutoff() -> None:
    known = manifest("a", "b")
    key = compute_lock_key(known, "3.8", KEY_DATE)
    turned = replace(known, requirements=known.requirements[::-1], notes=("x",))
    assert key == compute_lock_key(turned, "3.8", KEY_DATE)
    assert key == compute_lock_key(known, "3.8", KEY_DATE.astimezone(timezone(timedelta(hours=2))))
    others = [
        compute_lock_key(known, "3.9", KEY_DATE),
        compute_lock_key(manifest("a"), "3.8", KEY_DATE),
        compute_lock_key(known, "3.8", KEY_DATE + timedelta(seconds=1)),
    ]
    assert len({key, *others}) == 4


def test_locks_of_older_rules_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compute_lock_key(manifest("a"), "3.8", KEY_DATE)
    monkeypatch.setattr("curate.builders.lock.resolve.ADJUSTMENT_VERSION", ADJUSTMENT_VERSION + 1)
    assert compute_lock_key(manifest("a"), "3.8", KEY_DATE) != before


def test_a_full_disk_says_nothing_of_the_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "error: failed to write to file `x`: No space left on device (os error 28)"
    failed = UvResult(code=2, output="", errors=said)
    monkeypatch.setattr(resolve_module, "run_uv_compile", lambda *_: failed)
    with pytest.raises(DiskFullError):
        resolve_for_2019(tmp_path)


def resolve_for_2019(cache: Path, *lines: str, known: Manifest | None = None) -> RequirementsLock:
    found = resolve_module.compile_lock(
        known or manifest(*(lines or ("pandas", "pytest"))),
        python="3.7",
        cutoff=datetime(2019, 3, 1, tzinfo=UTC),
        settings=BuildSettings(cache_dir=cache),
    )
    assert isinstance(found, RequirementsLock)
    return found


OLD = """\
Metadata-Version: 2.1
Name: pandas
Version: 0.24.1
Requires-Python: >=2.7,!=3.0.*,>=3.5.*
Provides-Extra: test
Requires-Dist: pytz (>=2011k)
Requires-Dist: numpy (>=1.12.0)
Requires-Dist: hypothesis (>=3.58,==4.k) ; extra == 'test'

pandas: powerful Python data analysis toolkit
"""


def test_metadata_of_before_pep_440() -> None:
    assert parse_metadata(OLD.replace("hypothesis (", "? ("), "pandas", "0.24.1") is None
    found = not_none(parse_metadata(OLD, "pandas", "0.24.1"))
    assert found.requires == (
        "pytz>=2011",
        "numpy>=1.12.0",
        'hypothesis>=3.58; extra == "test"',
    )
    assert found.changes == (
        "read 'pytz (>=2011k)' of pandas 0.24.1 as 'pytz>=2011': it is not valid (PEP 508)",
        "read \"hypothesis (>=3.58,==4.k) ; extra == 'test'\" of pandas 0.24.1"
        " as 'hypothesis>=3.58; extra == \"test\"': it is not valid (PEP 508)",
    )
    told = tomllib.loads(render_uv_config([found, replace(found, version="0.24.0")]))
    first, second = told["dependency-metadata"]
    assert first["requires-dist"] == list(found.requires)
    assert SpecifierSet(first["requires-python"]) == SpecifierSet("!=3.0.*,>=2.7,>=3.5")
    assert (first["provides-extra"], second["version"]) == (["test"], "0.24.0")


def passing_over(*releases: str) -> UvResult:
    said = "".join(f"WARN `{release}` has invalid metadata: after `2011`\n" for release in releases)
    return UvResult(code=0, output="pandas==0.11.0\n", errors=said)


@pytest.mark.usefixtures("nothing_is_built")
def test_what_uv_passes_over_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        passing_over("pandas==0.24.1", "x==1", "pandas==0.24.0"),
        passing_over("x==0.9", "pandas==0.24.0"),
        UvResult(code=0, output="atomicwrites==1.4.1\npandas==0.24.0\n", errors=""),
    ]
    readable = OLD.replace(",==4.k", "")
    told = []

    def compile_next(*args: Any) -> UvResult:
        told.append({(it.name, it.version) for it in args[2]})
        return steps.pop(0)

    monkeypatch.setattr(resolve_module, "run_uv_compile", compile_next)
    monkeypatch.setattr(
        resolve_module,
        "read_release_metadata",
        lambda name, version, *_: parse_metadata(readable, name, version) if name != "x" else None,
    )
    found = resolve_for_2019(tmp_path)
    assert told == [
        set(),
        {("pandas", "0.24.1")},
        {("pandas", "0.24.1"), ("pandas", "0.24.0")},
    ], "one release of a project at a time, and none of one that cannot be read"
    assert found.adjustments == (
        "allowed atomicwrites up to 2022-07-09T00:00:00Z: its releases were uploaded again later",
        "skipped x 1: its metadata is invalid",
        "read 'pytz (>=2011k)' of pandas 0.24.0 as 'pytz>=2011': it is not valid (PEP 508)",
    )


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_module, "find_sdists", lambda *_: {})
    monkeypatch.setattr(resolve_module, "read_by_building", lambda *_: None)
    monkeypatch.setattr(resolve_module, "find_newer_archives", lambda *_: [])


def answer_in_turn(
    monkeypatch: pytest.MonkeyPatch, *answers: UvResult
) -> list[tuple[list[str], list[str]]]:
    """Let uv give these *answers*; returns requirements and overrides of each call."""
    asked: list[tuple[list[str], list[str]]] = []
    pending = list(answers)

    def run(known: Manifest, *_: Any) -> UvResult:
        asked.append(([item.line for item in known.requirements], [*known.cutoff_overrides]))
        return pending.pop(0)

    monkeypatch.setattr(resolve_module, "run_uv_compile", run)
    return asked


TOO_NEW = (
    "error: x `b` was filtered by `exclude-newer` to only include packages uploaded before"
    " 2019-03-01T00:00:00Z. The latest version satisfying the requirement is, v2, published at"
    " 2019-05-01T00:00:00Z. "
)
TOO_OLD = (
    "error: Failed to build `b==2` cause: Because only setuptools<=34.1.1 is available and you"
    " require setuptools>=40.8.0"
)
UNBUILDABLE = "error: Failed to build `b==2`"


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize(
    ("third", "told"),
    [
        (UvResult(code=0, output="pytest==4\n", errors=""), ["dropped b"]),
        (UvResult(code=0, output="pytest==5\n", errors=""), ["allowed setuptools", "dropped b"]),
        (UvResult(code=1, output="", errors=UNBUILDABLE), ["allowed setuptools", "dropped b"]),
    ],
)
def test_adjustments_without_which_the_lock_is_the_same_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third: UvResult, told: list[str]
) -> None:
    early, failed = (UvResult(code=1, output="", errors=it) for it in (TOO_OLD, UNBUILDABLE))
    locked = UvResult(code=0, output="pytest==4\n", errors="")
    # after other build tools, none of which work, once more
    asked = answer_in_turn(monkeypatch, early, failed, failed, locked, third)
    found = resolve_for_2019(tmp_path, "pytest", "b")
    assert [re.split(" and | up to |:", it)[0] for it in found.adjustments] == told
    tools = ["setuptools", "wheel"]
    assert asked == [
        (["b", "pytest"], []),
        (["b", "pytest"], tools),
        (["b", "pytest"], tools),
        (["pytest"], tools),
        (["pytest"], []),
    ]


@pytest.mark.usefixtures("nothing_is_built")
def test_a_release_is_read_with_the_build_tools_that_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = UvResult(code=1, output="", errors=UNBUILDABLE)
    asked = answer_in_turn(monkeypatch, failed, UvResult(code=0, output="b==2\n", errors=""))
    read = ReleaseMetadata(name="b", version="2", requires=("c",), changes=("read b otherwise",))
    monkeypatch.setattr(resolve_module, "read_by_building", lambda *_: read)
    found = resolve_for_2019(tmp_path, "pytest", "b")
    assert found.adjustments == ("read b otherwise",)
    assert len(asked) == 2


LATER = ["2023-01-15", "2023-07-15"]


@pytest.mark.parametrize(
    ("uploaded", "cutoff", "dates"),
    [
        # older than what uv can use; the cutoff of the lock is older than that, too
        ("2017-03-07", "2018-04-09", ["2019-02-06", *LATER]),
        ("2017-03-07", "2020-04-09", ["2019-02-06", "2020-04-09", *LATER]),
        ("2021-01-20", "2022-10-01", ["2021-01-21", "2022-10-01", *LATER]),
        ("2021-10-13", "2024-03-01", ["2021-10-14", *LATER, "2024-03-01"]),
        ("2024-01-20", "2024-10-01", ["2024-01-21", "2024-10-01"]),
    ],
)
def test_dates_of_build_tools(uploaded: str, cutoff: str, dates: list[str]) -> None:
    sdist, lock = (datetime.fromisoformat(f"{it}T00:00:00+00:00") for it in (uploaded, cutoff))
    found = tool_dates(sdist + timedelta(hours=15), lock)
    assert [f"{date:%Y-%m-%d}" for date in found] == dates


@pytest.mark.usefixtures("nothing_is_built")
def test_a_changed_line_that_is_dropped_later_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflict = "error: No solution found: you require b==1 and c"
    errors = [UvResult(code=1, output="", errors=conflict) for _ in range(2)]
    answer_in_turn(monkeypatch, *errors, UvResult(code=0, output="pytest==4\n", errors=""))
    found = resolve_for_2019(tmp_path, "pytest", "b==1")
    assert [it.split(":")[0] for it in found.adjustments] == ["dropped b"]


@pytest.mark.usefixtures("nothing_is_built")
def test_a_lock_says_nothing_of_what_the_recipe_excludes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_in_turn(monkeypatch, UvResult(code=0, output="pytest==4\n", errors=""))
    known = replace(manifest("pytest"), excluded=("dropped a: excluded by the recipe",))
    assert resolve_for_2019(tmp_path, known=known).adjustments == ()
