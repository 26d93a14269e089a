"""Read a Pipfile; the versions of its lock file are not used, as the date decides them."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from curate.builders.requirements.requirements_txt import ParsedRequirements

# Keys of an entry that are environment markers of their own.
_MARKERS = (
    *("os_name", "sys_platform", "platform_machine", "platform_system", "platform_release"),
    *("python_version", "python_full_version", "implementation_name"),
)


def read_pipfile(text: str, origin: str) -> ParsedRequirements:
    """Return packages and dev-packages of a Pipfile; if it is invalid, only a note.

    *origin* is the path of the file.
    """
    contents = ParsedRequirements()
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        contents.notes.append(f"{origin} cannot be parsed")
        return contents
    for table in ("packages", "dev-packages"):
        for name, spec in tables.get(table, {}).items():
            entry = spec if isinstance(spec, dict) else {"version": str(spec)}
            _add_entry(name, entry, origin, contents)
    return contents


def _add_entry(
    name: str, entry: Mapping[str, Any], origin: str, contents: ParsedRequirements
) -> None:
    if entry.get("path") in (".", "./"):
        contents.extras += entry.get("extras", [])  # the project itself
    elif "version" in entry or not {"git", "path", "file", "url"} & entry.keys():
        contents.lines.append((_make_line(name, entry), origin))
    else:
        contents.notes.append(f"dropped {name}: not from an index ({origin})")


def _make_line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    version = str(entry.get("version", "*")).strip()
    bounds = "" if version == "*" else f"=={version}" if version[:1].isdigit() else version
    markers = " and ".join(_list_markers(entry))
    return f"{name}{extras}{bounds}" + (f" ; {markers}" if markers else "")


def _list_markers(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry.get("markers"):
        yield f"({entry['markers']})"
    for key in _MARKERS:
        if key in entry:
            yield f"{key} {entry[key]}"
