"""Parse what the scripts of this package print; it comes from a sandbox and may be anything."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from typing import Any

from curate.builders.metadata.ask import MARKER
from curate.builders.requirements import BackendAnswer

ANSWER_VERSION = 1  # of this parser; raise it when a change reads other answers
MAX_LINES = 2000  # requirements, or recorded paths, of one project
ALWAYS_READ = ("pyproject.toml", "setup.cfg", "setup.py")
KINDS = ("checked", "listed", "ran", "read")


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """Which files an answer was made from: paths by kind, as `recorder.py` tells them."""

    checked: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    is_complete: bool = True  # False if programs ran whose reads nobody has seen


UNRECORDED = FileRecord(is_complete=False)


@dataclass(frozen=True, kw_only=True)
class MetadataReply:
    """A back-end's reply to one question."""

    answer: BackendAnswer | None  # None if it failed
    needs: tuple[str, ...] = ()  # further requirements of the build
    error: str = ""
    record: FileRecord = UNRECORDED


def parse_reply(output: bytes) -> MetadataReply:
    """Parse the output of `ask.py`; anything else is a reply without an answer."""
    documents = list(_iter_documents(output))
    if not documents:
        return MetadataReply(answer=None, error="it ended without an answer")
    found = documents[-1]
    error = " ".join(str(found.get("error") or "").split())
    return MetadataReply(
        answer=_parse_answer(found),
        needs=_strings(found.get("needs")),
        error="".join(char for char in error if char.isprintable())[:300],
        record=_parse_record(str(found.get("record") or "")),
    )


def parse_installed(output: bytes, project: str) -> BackendAnswer | None:
    """Parse the output of `installed.py`: of *project*, else of the uppermost folder."""
    found = [(str(it.get("folder")), _parse_answer(it)) for it in _iter_documents(output)]
    answers = [(folder, answer) for folder, answer in found if answer]
    named = [answer for _, answer in answers if _normalize(answer.name) == project and project]
    by_depth = [answer for _, answer in sorted(answers, key=lambda it: (len(it[0]), it[0]))]
    return next(iter([*named, *by_depth]), None)


def _iter_documents(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.decode("utf-8", "replace").splitlines():
        if not line.startswith(MARKER):
            continue
        try:
            found = json.loads(line[len(MARKER) :])
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def _parse_answer(found: dict[str, Any]) -> BackendAnswer | None:
    metadata, requires = found.get("metadata"), found.get("requires")
    if not isinstance(metadata, str):
        return None
    message = message_from_string(metadata)
    name = str(message.get("Name") or "").strip()
    if not name:
        return None
    lines = [str(line) for line in message.get_all("Requires-Dist") or ()]
    extras = [str(extra) for extra in message.get_all("Provides-Extra") or ()]
    if isinstance(requires, str):
        lines, extras = _parse_requires(requires)
    return BackendAnswer(
        name=name,
        requires=tuple(lines[:MAX_LINES]),
        extras=tuple(extras[:MAX_LINES]),
        classifiers=tuple(str(it) for it in message.get_all("Classifier") or ())[:MAX_LINES],
        requires_python=str(message.get("Requires-Python") or "").strip(),
    )


def _parse_requires(text: str) -> tuple[list[str], list[str]]:
    """Return lines as in wheels, and extras, of a requires.txt with sections `[extra:marker]`."""
    lines: list[str] = []
    extras: list[str] = []
    extra = marker = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            extras += [extra] if extra and extra not in extras else []
        elif line:
            bare, _, own = line.partition(";")
            parts = [f"({it.strip()})" for it in (own, marker) if it.strip()]
            parts += [f"extra == {extra!r}"] if extra else []
            lines.append(" ; ".join([bare.strip(), " and ".join(parts)] if parts else [bare]))
    return lines, extras


def _parse_record(text: str) -> FileRecord:
    paths: dict[str, set[str]] = {kind: set() for kind in KINDS}
    lines = text.splitlines()
    for line in lines[:MAX_LINES]:
        kind, _, path = line.partition("\t")
        paths.get(kind, set()).add(path)
    return FileRecord(
        checked=tuple(sorted(paths["checked"])),
        listed=tuple(sorted(paths["listed"])),
        read=tuple(
            sorted(it for it in paths["read"].union(ALWAYS_READ) if not it.endswith(".pyc"))
        ),
        is_complete=bool(lines) and len(lines) <= MAX_LINES and not paths["ran"],
    )


def _strings(value: object) -> tuple[str, ...]:
    items = value[:MAX_LINES] if isinstance(value, list) else ()
    return tuple(item for item in items if isinstance(item, str))


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
