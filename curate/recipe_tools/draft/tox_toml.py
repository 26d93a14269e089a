"""Jobs of tox configured in TOML: `tox.toml`, or `[tool.tox]` in pyproject.toml."""

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import read_commands


def find_tox_toml_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every environment; missing keys are taken from `env_run_base`."""
    for origin, table in (
        ("tox.toml", _read_tox_table(tree, "tox.toml")),
        ("pyproject.toml", _read_tox_table(tree, "pyproject.toml").get("tool", {}).get("tox", {})),
    ):
        base = table.get("env_run_base", {})
        named = table.get("env", {})
        tables = [base, *(each for each in named.values() if isinstance(each, dict))]
        for environment in tables if base or named else ():
            yield _make_job({**base, **environment}, origin)


def _read_tox_table(tree: FileTree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(tree.read(path) or b""))
    except tomllib.TOMLDecodeError:
        return {}


def _make_job(environment: Mapping[str, Any], origin: str) -> CIJob:
    lines = [
        f"pip install {line if line.startswith('-') else shlex.quote(line)}"
        for line in _plain_strings(environment.get("deps"))
    ]
    lines += [f"pip install '.[{name}]'" for name in _plain_strings(environment.get("extras"))]
    groups = _plain_strings(environment.get("dependency_groups"))
    lines += [f"pip install --group {shlex.quote(name)}" for name in groups]
    for command in environment.get("commands", ()):
        lines.append(shlex.join(_plain_strings(command)))
    found = read_commands("\n".join(lines))
    variables = environment.get("set_env", {})
    found.variables |= {k: v for k, v in variables.items() if isinstance(v, str)}
    return CIJob(origin=origin, findings=found)


def _plain_strings(items: Any) -> list[str]:
    """Return the strings of a list; tables in it are references and substitutions."""
    return [item for item in items or () if isinstance(item, str)]
