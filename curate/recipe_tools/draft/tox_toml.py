"""Jobs of tox configured in TOML: `tox.toml`, or `[tool.tox]` in pyproject.toml."""

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import read_commands

_MAX_REFERENCES = 10  # references within what was referred to


def find_tox_toml_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every environment; missing keys are taken from `env_run_base`."""
    for origin, table in (
        ("tox.toml", _read_tox_table(tree, "tox.toml")),
        ("pyproject.toml", _read_tox_table(tree, "pyproject.toml").get("tool", {}).get("tox", {})),
    ):
        base = _as_table(table.get("env_run_base"))
        named = _as_table(table.get("env"))
        tables = {"": base, **{k: v for k, v in named.items() if isinstance(v, dict)}}
        for name, environment in tables.items() if base or named else ():
            yield _make_job(tree, {**base, **environment}, table, (name, origin))


def _as_table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_tox_table(tree: FileTree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(tree.read(path) or b""))
    except tomllib.TOMLDecodeError:
        return {}


def _make_job(
    tree: FileTree, environment: Mapping[str, Any], root: Mapping[str, Any], label: tuple[str, str]
) -> CIJob:
    def get(key: str) -> list[str]:
        return [it for it in _resolve(environment.get(key), root) if isinstance(it, str)]

    lines = [
        f"pip install {line if line.startswith('-') else shlex.quote(line)}" for line in get("deps")
    ]
    lines += [f"pip install '.[{name}]'" for name in get("extras")]
    lines += [f"pip install --group {shlex.quote(name)}" for name in get("dependency_groups")]
    lines += [] if environment.get("skip_install") else ["pip install ."]
    for key in ("commands_pre", "commands"):
        for command in _resolve(environment.get(key), root):
            if isinstance(command, list):
                lines.append(
                    shlex.join(it for it in _resolve(command, root) if isinstance(it, str))
                )
    found = read_commands("\n".join(lines), tree)
    variables = _as_table(environment.get("set_env"))
    found.variables |= {k: v for k, v in variables.items() if isinstance(v, str)}
    name, origin = label
    return CIJob(origin=origin, findings=found, name=name)


def _resolve(items: Any, root: Mapping[str, Any], depth: int = 0) -> Iterator[Any]:
    """Yield the items of a list; references to other lists and positional arguments replaced."""
    if isinstance(items, str):  # as in requirements files
        items = items.splitlines()
    for item in items if isinstance(items, list) else [items]:
        if not isinstance(item, dict):
            yield from () if item is None else (item,)
        elif item.get("replace") == "posargs":
            yield from _resolve(item.get("default", []), root, depth + 1)
        elif item.get("replace") == "ref" and depth < _MAX_REFERENCES:
            target: Any = root
            for part in item.get("of", ()):
                target = _as_table(target).get(part)
            yield from _resolve(target, root, depth + 1)
