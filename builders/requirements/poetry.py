"""Read `[tool.poetry]`, whose requirements use poetry's own version operators."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curate.builders.requirements.project import ProjectMetadata

PATH = "pyproject.toml"


def read_poetry(table: Mapping[str, Any]) -> ProjectMetadata:
    """Return the metadata of a `[tool.poetry]` table; dev-dependencies become group "dev"."""
    main = dict(table.get("dependencies", {}))
    python = main.pop("python", "")
    optional = {name for name, spec in main.items() if _is_optional(spec)}
    notes: list[str] = []
    lines = {name: list(_requirement_lines(name, spec, notes)) for name, spec in main.items()}
    tables = {"dev": table.get("dev-dependencies", {})}
    for name, group in table.get("group", {}).items():
        tables[name] = {**tables.get(name, {}), **group.get("dependencies", {})}
    return ProjectMetadata(
        origin=PATH,
        name=table.get("name", ""),
        dependencies=tuple(line for name in main if name not in optional for line in lines[name]),
        extras={
            extra: tuple(line for name in names for line in lines.get(name, ()))
            for extra, names in table.get("extras", {}).items()
        },
        groups={name: _group_lines(group, notes) for name, group in tables.items() if group},
        requires_python=_to_pep440(python) if isinstance(python, str) else "",
        classifiers=tuple(table.get("classifiers", ())),
        folders=tuple(_iter_folders([main, *tables.values()])),
        notes=tuple(notes),
    )


def _group_lines(table: Mapping[str, Any], notes: list[str]) -> tuple[str, ...]:
    return tuple(
        line for name, spec in table.items() for line in _requirement_lines(name, spec, notes)
    )


def _is_folder(path: object) -> bool:
    return isinstance(path, str) and not path.endswith((".whl", ".gz", ".zip", ".bz2"))


def _iter_folders(tables: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the local folders that entries of *tables* name."""
    for spec in (spec for table in tables for spec in table.values()):
        for item in spec if isinstance(spec, list) else [spec]:
            if isinstance(item, dict) and _is_folder(item.get("path")):
                yield item["path"]


def _is_optional(spec: object) -> bool:
    return isinstance(spec, dict) and bool(spec.get("optional"))


def _requirement_lines(name: str, spec: object, notes: list[str]) -> Iterator[str]:
    """Yield PEP 508 lines for one entry: a string, a table, or a list of tables."""
    for item in spec if isinstance(spec, list) else [spec]:
        table = item if isinstance(item, dict) else {"version": str(item)}
        if "path" in table and _is_folder(table["path"]):
            continue
        if "version" not in table:
            notes.append(f"dropped {name}: not from an index")
            continue
        extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
        markers = [f"({table['markers']})"] if table.get("markers") else []
        if table.get("python"):
            markers.append(_python_marker(table["python"]))
        condition = " and ".join(marker for marker in markers if marker)
        line = f"{name}{extras}{_to_pep440(table['version'])}"
        yield f"{line} ; {condition}" if condition else line


def _python_marker(constraint: str) -> str:
    """Convert a constraint on Python to a marker; alternatives (`||`) become `or`."""
    choices = []
    for choice in constraint.split("||"):
        clauses = [clause for clause in _to_pep440(choice).split(",") if clause]
        parts = [_python_clause(clause) for clause in clauses]
        choices.append(" and ".join(parts))
    joined = " or ".join(f"({choice})" for choice in choices if choice)
    return f"({joined})" if joined else ""


def _python_clause(clause: str) -> str:
    match = re.match(r"(===|[<>=!~]=|[<>])(.+)", clause)
    operator, version = match.groups() if match else ("==", clause)
    name = "python_full_version" if version.count(".") > 1 else "python_version"
    return f"{name} {operator} '{version}'"


def _to_pep440(text: str) -> str:
    """Convert a constraint to PEP 440; of alternatives (`||`) only the last one is kept."""
    last = text.rsplit("||", maxsplit=1)[-1].strip()
    clauses = re.split(r"\s*,\s*|(?<=[\w*])\s+(?=[<>=!~^])", last)
    return ",".join(
        part for clause in clauses for part in _clause_to_pep440(clause.replace(" ", ""))
    )


def _clause_to_pep440(clause: str) -> list[str]:
    if clause in ("", "*"):
        return []
    if clause[0] == "^":
        return _version_range(clause[1:], _caret_upper_bound(clause[1:]))
    if clause[0] == "~" and clause[1:2] != "=":
        return _version_range(clause[1:], _tilde_upper_bound(clause[1:]))
    return [f"=={clause}"] if clause[0].isdigit() else [re.sub(r"^=(?!=)", "==", clause)]


def _version_range(low: str, high: str) -> list[str]:
    return [f">={low}", f"<{high}"]


def _caret_upper_bound(version: str) -> str:
    """Return the next version that increments the left-most nonzero number."""
    parts = _version_numbers(version)
    index = next((i for i, part in enumerate(parts) if part), len(parts) - 1)
    return ".".join(str(part) for part in [*parts[:index], parts[index] + 1])


def _tilde_upper_bound(version: str) -> str:
    parts = _version_numbers(version)[:2]
    return ".".join(str(part) for part in [*parts[:-1], parts[-1] + 1])


def _version_numbers(version: str) -> list[int]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return [int(part) for part in match[0].split(".")] if match else [0]
