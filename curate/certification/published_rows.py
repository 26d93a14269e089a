"""Rows of published sets in their several forms: SWE-Gym's, SWE-bench's, and their descendants'."""

import ast
import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError
from curate.core.files import require_ordinary_file

OWN_COLUMNS = frozenset({"test_command", "fail_to_pass_node_ids"})  # of releases of curate
_LISTS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_IMAGES = ("image", "image_name", "docker_image")  # first of SWE-bench 5, then of SWE-rebench
_MAYBE_NUMBERS = ("version", "created_at")
_LANGUAGES = ("language", "lang")
_MULTI_SWE = frozenset({"fix_patch", "base"})
_REPO = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """What certification needs of a row; "" where the set does not have it."""

    instance_id: str
    repo: str
    base_commit: str
    patch: str = ""
    test_patch: str = ""
    fail_to_pass: tuple[str, ...]  # names as SWE-bench's log parsers make them
    pass_to_pass: tuple[str, ...]
    version: str = ""
    created_at: str = ""
    image: str = ""  # that the row names
    eval_script: str = ""
    test_command: str = ""  # without the files to test


@dataclass(frozen=True, kw_only=True)
class InvalidRow:
    """A row that cannot be certified, and why."""

    instance_id: str  # or its place in the file
    reason: str


def is_published_set(paths: Sequence[Path]) -> bool:
    """Whether the first row of *paths* lacks the columns of curate's own releases."""
    for row in _iter_raw(paths):
        return not isinstance(row, dict) or not row.keys() >= OWN_COLUMNS
    return False


def read_published_rows(paths: Sequence[Path]) -> Iterator[PublishedRow | InvalidRow]:
    """Yield the rows of Parquet, JSON Lines or JSON files; one bad row does not end it.

    Raises ConfigurationError for a file that is none of these.
    """
    for number, row in enumerate(_iter_raw(paths), 1):
        name = row.get("instance_id") if isinstance(row, dict) else None
        label = name if isinstance(name, str) and name else f"row {number}"
        try:
            yield parse_row(row)
        except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            yield InvalidRow(instance_id=label, reason=reason)


def parse_row(row: Any) -> PublishedRow:
    """Return *row* with its lists read; raises KeyError, TypeError or ValueError if it is none."""
    if not isinstance(row, Mapping):
        raise TypeError("it is not a JSON object")
    _require_python(row)
    texts = {name: _read_text(row, name) for name in ("instance_id", "repo", "base_commit")}
    if not all(texts.values()):
        raise ValueError(f"its {next(it for it in texts if not texts[it])} is empty")
    if not _REPO.fullmatch(texts["repo"]):
        raise ValueError(f"its repo is not OWNER/NAME: {texts['repo'][:80]!r}")
    fixed, kept = (read_test_list(row[name], name) for name in _LISTS)
    if not fixed:
        raise ValueError("its FAIL_TO_PASS is empty")
    optional = ("patch", "test_patch", "version", "created_at", "eval_script")
    others = {name: _read_text(row, name) for name in optional if row.get(name) is not None}
    others["image"] = next((_read_text(row, name) for name in _IMAGES if row.get(name)), "")
    others["test_command"] = _read_test_command(row.get("install_config"))
    return PublishedRow(**texts, fail_to_pass=fixed, pass_to_pass=kept, **others)


def _require_python(row: Mapping[str, Any]) -> None:
    """Raise ValueError for a row of another language, or of a set whose tests are not pytest's."""
    language = next((row[name] for name in _LANGUAGES if row.get(name)), "python")
    if str(language).lower() not in ("python", "py"):
        raise ValueError(f"its language is {language}, and curate tells outcomes of Python's tests")
    if row.keys() >= _MULTI_SWE and "base_commit" not in row:
        raise ValueError("it is in the form of Multi-SWE-bench, whose tests are not pytest's")


def _read_test_command(config: Any) -> str:
    """Return what SWE-rebench's install_config, or the JSON of it, has as the command of tests."""
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except (ValueError, RecursionError):
            return ""
    command = config.get("test_cmd") if isinstance(config, Mapping) else None
    return command if isinstance(command, str) else ""


def read_test_list(value: Any, name: str) -> tuple[str, ...]:
    """Return a list of test names that is a list, or the text of one in JSON or Python."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = ast.literal_eval(value.strip())
    if value is None:
        raise ValueError(f"its {name} is null")
    if not isinstance(value, Sequence) or not all(isinstance(it, str) for it in value):
        raise TypeError(f"its {name} is not a list of texts")
    return tuple(dict.fromkeys(value))


def _read_text(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if name in _MAYBE_NUMBERS and isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        value = value.isoformat() if hasattr(value, "isoformat") else value
    if not isinstance(value, str):
        raise TypeError(f"its {name} is not a text")
    if "\0" in value:
        raise ValueError(f"its {name} contains a NUL character")
    return value


def _iter_raw(paths: Sequence[Path]) -> Iterator[Any]:
    for path in paths:
        require_ordinary_file(path)
        if path.suffix == ".parquet":
            yield from _iter_parquet(path)
        elif path.suffix == ".json":
            yield from _read_json(path)
        else:
            with path.open("rb") as lines:
                yield from (_parse_line(line) for line in lines if line.strip())


def _parse_line(line: bytes) -> Any:
    try:
        return json.loads(line.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        return None  # no JSON: told as an invalid row


def _read_json(path: Path) -> list[Any]:
    try:
        rows = json.loads(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON.", hint="Pass a list of rows.") from error
    if not isinstance(rows, list):
        raise ConfigurationError(f"{path} is not a list of rows.", hint="Pass a list of rows.")
    return rows


def _iter_parquet(path: Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield from file.read_row_group(number).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise ConfigurationError(f"{path} is not a valid Parquet file.") from error
