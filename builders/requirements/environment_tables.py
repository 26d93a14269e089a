"""Requirements in the environment tables of hatch and pixi, as groups by environment.

hatch: `[tool.hatch.envs.*]` or hatch.toml. pixi: `[tool.pixi]` or pixi.toml; its features are
groups, too, and conda's names become PyPI's.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.conda_env import convert_conda_spec
from curate.builders.requirements.text import decode_text

Groups = dict[str, list[Any]]
_MAX_DEPTH = 5  # templates of templates


def read_environment_groups(tree: FileTree, tool: Mapping[str, Any]) -> Groups:
    """Return group name -> requirement lines, from *tool* of pyproject.toml and files of a tool.

    A line may be a table that includes a dependency group, as in PEP 735.
    """
    hatch = _read_toml(tree, "hatch.toml") or _as_table(tool.get("hatch"))
    pixi = _read_toml(tree, "pixi.toml") or _as_table(tool.get("pixi"))
    return {**_read_pixi(pixi), **_read_hatch(hatch)}


def _read_hatch(table: Mapping[str, Any]) -> Groups:
    environments = {k: v for k, v in _as_table(table.get("envs")).items() if isinstance(v, dict)}
    return {name: list(_hatch_lines(environments, name, 0)) for name in environments}


def _hatch_lines(environments: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
    """Yield the lines of an environment; of its template those that it does not replace."""
    table = _as_table(environments.get(name))
    template = str(table.get("template", "default"))
    is_own = table.get("detached") or template == name or depth > _MAX_DEPTH
    if "dependencies" in table:
        yield from table["dependencies"]
    elif not is_own:
        yield from _hatch_lines(environments, template, depth + 1)
    yield from table.get("extra-dependencies", ())
    yield from ({"include-group": it} for it in table.get("dependency-groups", ()))


def _read_pixi(table: Mapping[str, Any]) -> Groups:
    base = list(_pixi_lines(table))
    features = {
        name: list(_pixi_lines(it))
        for name, it in _as_table(table.get("feature")).items()
        if isinstance(it, dict)
    }
    groups = {"default": base, **features} if base else features
    for name, it in _as_table(table.get("environments")).items():
        used = it.get("features", ()) if isinstance(it, dict) else it
        own = [] if isinstance(it, dict) and it.get("no-default-feature") else base
        lines = [line for feature in used for line in features.get(feature, ())]
        groups[name] = list(dict.fromkeys([*own, *lines]))
    return groups


def _pixi_lines(table: Mapping[str, Any]) -> Iterator[str]:
    for name, spec in _as_table(table.get("dependencies")).items():
        line = convert_conda_spec(name, _version(spec))
        if line:
            yield line
    for name, spec in _as_table(table.get("pypi-dependencies")).items():
        is_local = isinstance(spec, dict) and {"path", "git", "url"} & spec.keys()
        if not is_local:
            extras = ",".join(spec.get("extras", ())) if isinstance(spec, dict) else ""
            version = _version(spec)
            bounds = "" if version == "*" else version if version[:1] in "<>=~!" else f"=={version}"
            yield f"{name}{f'[{extras}]' if extras else ''}{bounds}"


def _version(spec: Any) -> str:
    return str(spec.get("version", "*") if isinstance(spec, dict) else spec)


def _as_table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_toml(tree: FileTree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(tree.read(path) or b""))
    except tomllib.TOMLDecodeError:
        return {}
