"""Jobs of tox where it is configured in TOML: `tox.toml`, or `[tool.tox]` of pyproject.toml."""

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from builders.git.tree import Tree
from curate.recipe_tools.draft.job import Job
from curate.recipe_tools.draft.shell_commands import read_commands


def tox_toml_jobs(tree: Tree) -> Iterator[Job]:
    """Every environment; what one does not say is taken from `env_run_base`."""
    for origin, table in (
        ("tox.toml", _read(tree, "tox.toml")),
        ("pyproject.toml", _read(tree, "pyproject.toml").get("tool", {}).get("tox", {})),
    ):
        base = table.get("env_run_base", {})
        named = table.get("env", {})
        tables = [base, *(each for each in named.values() if isinstance(each, dict))]
        for environment in tables if base or named else ():
            yield _job({**base, **environment}, origin)


def _read(tree: Tree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads((tree.read(path) or b"").decode("utf-8", "replace"))
    except tomllib.TOMLDecodeError:
        return {}


def _job(environment: Mapping[str, Any], origin: str) -> Job:
    lines = [
        f"pip install {line if line.startswith('-') else shlex.quote(line)}"
        for line in _strings(environment.get("deps"))
    ]
    lines += [f"pip install '.[{name}]'" for name in _strings(environment.get("extras"))]
    groups = _strings(environment.get("dependency_groups"))
    lines += [f"pip install --group {shlex.quote(name)}" for name in groups]
    for command in environment.get("commands", ()):
        lines.append(shlex.join(_strings(command)))
    found = read_commands("\n".join(lines))
    variables = environment.get("set_env", {})
    found.variables |= {k: v for k, v in variables.items() if isinstance(v, str)}
    return Job(origin=origin, found=found)


def _strings(items: Any) -> list[str]:
    """The plain strings of a list; tables in it are references and substitutions."""
    return [item for item in items or () if isinstance(item, str)]
