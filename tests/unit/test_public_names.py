"""What `import curate` offers: names, types and documentation. mypy checks the types here."""

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import assert_type, get_type_hints

import pytest

import curate
from curate.api.errors import raise_curate_errors
from curate.builders.errors import DiskFullError, SandboxError
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, Column

ROOT = Path(__file__).parents[2]
KINDS: dict[str, object] = {
    "string": str,
    "int64": int,
    "int64?": int | None,
    "float64?": float | None,
    "string?": str | None,
    "bool?": bool | None,
    "list[string]": list[str],
}


def read_types(release_name: str, store: curate.Store) -> None:
    """Never called: mypy checks that callers get these types, without a cast."""
    release = curate.load_release(release_name)
    assert_type(release, curate.Release[curate.InstanceRow])
    assert_type(release["a"]["FAIL_TO_PASS"], list[str])
    assert_type(next(iter(release))["test_strength"], float | None)
    raw = curate.load_release(release_name, "raw")
    assert_type(raw, curate.Release[curate.CandidateRow])
    assert_type(raw.ids, tuple[str, ...])
    assert_type(store.candidates(), Iterator[curate.Candidate])
    assert_type(store.candidate("a").patch, bytes)
    assert_type(store.runs("a"), tuple[curate.Run, ...])
    assert_type(store.verdicts(), Iterator[tuple[str, curate.Verdict]])
    assert_type(store.validation("a"), curate.Validation | None)
    assert_type(store.funnel().verified, int)
    reports = curate.evaluate({"a": "patch"}, dataset=release_name)
    assert_type(reports, Sequence[curate.ModelReport])
    with curate.make(release_name, "a") as env:
        assert_type(env, curate.Environment)
        assert_type(env.fork(), curate.Environment)
        statement, _ = env.reset()
        assert_type(statement, str)
        assert_type(env.step("true")[1], float)
        assert_type(env.submit().resolved, bool)


def test_every_public_name_is_there_and_documented() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    for name in curate.__all__:
        if name == "CurateTaskset":  # needs the package `verifiers`
            continue
        value = getattr(curate, name)
        assert f"`{name}" in page, f"docs/python.md does not name {name}"
        assert name == "__version__" or inspect.getdoc(value), f"{name} has no docstring"
    methods = {
        name: value
        for kind in (curate.Store, curate.Release, curate.Environment)
        for name, value in inspect.getmembers(kind)
        if not name.startswith("_") and name not in ("files", "task", "options")
    }
    assert [name for name, value in methods.items() if not inspect.getdoc(value)] == []
    for name in vars(curate.Store):
        assert name.startswith("_") or name == "close" or f"`{name}" in page, name


def test_the_page_names_the_classes_of_errors() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+Error)` \| (\d) \|", page, re.MULTILINE)
    assert {code for _, code in named} == set("2345678")
    for error, name in ((SandboxError("gone"), "EngineError"), (DiskFullError("full"), "NoDisk")):
        with pytest.raises(curate.CurateError) as raised, raise_curate_errors():
            raise error
        kind = type(raised.value)
        assert kind.__name__.startswith(name) and (kind.__name__, str(kind.exit_code)) in named
        assert raised.value.__cause__ is error
    with pytest.raises(ZeroDivisionError), raise_curate_errors():
        raise ZeroDivisionError  # a bug is not told as something that the caller did


@pytest.mark.parametrize(
    ("row", "columns"), [(curate.InstanceRow, TRAIN_COLUMNS), (curate.CandidateRow, RAW_COLUMNS)]
)
def test_typed_rows_have_the_columns(row: type, columns: tuple[Column, ...]) -> None:
    hints = get_type_hints(row)
    assert list(hints) == [column.name for column in columns]
    assert hints == {column.name: KINDS[column.kind] for column in columns}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match="Taskset"):
        curate.Taskset  # noqa: B018
    with pytest.raises(curate.CurateError, match="no store") as missing:
        curate.Store(tmp_path)
    assert missing.value.hint and not list(tmp_path.iterdir())
    with pytest.raises(curate.CurateError, match="No dataset"):
        curate.load_release(tmp_path / "none")
    (tmp_path / "curate.sqlite").write_text("no database, but as long as one may be" * 40)
    with pytest.raises(curate.CurateError, match="damaged"):
        curate.Store(tmp_path)
