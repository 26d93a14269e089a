"""Tasks that a repository defines for a tool: hatch, pdm, poe, taskipy, rye, pipenv, just, task."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from posixpath import join
from typing import Any

import yaml

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

Tasks = Mapping[str, Any]
# Keys of a task that other tasks and commands stand under, in the order in which they run.
_COMMAND_KEYS = (
    *("deps", "depends-on", "depends_on", "pre_task"),
    *("cmd", "cmds", "shell", "sequence", "composite", "chain", "ref", "task"),
)
_MAX_DEPTH = 4  # tasks that call tasks
_JUST = re.compile(
    r"^@?([\w-]+)(?:[ \t]+[^:=\n]*)?:(?!=)([^\n]*)\n((?:[ \t]+[^\n]*\n|\n)*)", re.MULTILINE
)
_VALUED = frozenset({"-e", "--env", "-p", "--project", "-C", "--directory", "-r", "--root"})


def find_task(tree: FileTree, words: Sequence[str], folder: str = "") -> str:
    """Return the shell commands of the task that *words* (`poe test`, `hatch run x:y`) calls."""
    tool = words[0]
    if tool == "hatch":
        return _find_hatch_commands(tree, words[1:], folder)
    rest = _without_options(words[1:])
    if tool in ("pdm", "rye", "pipenv", "poetry", "uv", "pixi") and words[1:2] == ["run"]:
        rest = _without_options(words[2:])
    elif tool not in ("poe", "task", "just", "pdm"):
        return ""
    if not rest:
        return ""
    return "\n".join(expand_task(_read_tasks(tree, tool, folder), rest[0], rest[1:]))


def read_hatch_environments(tree: FileTree, folder: str = "") -> dict[str, dict[str, Any]]:
    """Return name -> table of hatch's environments, with what each takes from its template."""
    own = _read_toml(tree, join(folder, "hatch.toml")).get("envs")
    data = _read_pyproject(tree, folder)
    tables = own if isinstance(own, dict) else data.get("hatch", {}).get("envs", {})
    environments = {name: it for name, it in tables.items() if isinstance(it, dict)}
    return {name: _inherit(environments, name) for name in environments}


def render_hatch_environment(name: str, table: Mapping[str, Any]) -> list[str]:
    """Return shell commands for what the environment installs; its dependencies are a group."""
    lines = [f"pip install --group {shlex.quote(name)}"] if _has_dependencies(table) else []
    lines += [f"pip install --group {shlex.quote(it)}" for it in table.get("dependency-groups", ())]
    features = ",".join(map(str, table.get("features", ())))
    is_skipped = table.get("skip-install") or table.get("detached")
    if features and not is_skipped:
        lines.append(f"pip install '.[{features}]'")
    return lines


def _has_dependencies(table: Mapping[str, Any]) -> bool:
    return bool(table.get("dependencies") or table.get("extra-dependencies"))


def _inherit(environments: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    table = environments[name]
    template = str(table.get("template", "default"))
    if template == name or template not in environments or table.get("detached"):
        return table
    base = environments[template]
    scripts = {**base.get("scripts", {}), **table.get("scripts", {})}
    return {**base, **table, "scripts": scripts}


def _find_hatch_commands(tree: FileTree, words: Sequence[str], folder: str) -> str:
    environments = read_hatch_environments(tree, folder)
    named = [words[i + 1] for i, it in enumerate(words[:-1]) if it in ("-e", "--env")]
    rest = _without_options(words)
    if rest[:1] not in (["run"], ["test"]):
        return ""
    if rest[0] == "test":
        table = environments.get("hatch-test", {})
        return "\n".join([*render_hatch_environment("hatch-test", table), "pytest"])
    rest = _without_options(rest[1:])
    if not rest:
        return ""
    chosen, colon, script = rest[0].rpartition(":")
    name = chosen if colon else (named or ["default"])[0]
    name = name.removeprefix("+").split("=")[0] if name.startswith("+") else name
    table = environments.get(name, {})
    lines = expand_task(table.get("scripts", {}), script, rest[1:])
    return "\n".join(
        [*render_hatch_environment(name, table), *(lines or [shlex.join([script, *rest[1:]])])]
    )


def _without_options(words: Sequence[str]) -> list[str]:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in _VALUED else rest[1:]
    return rest


def expand_task(
    tasks: Tasks, name: str, arguments: Sequence[str] = (), depth: int = 0
) -> list[str]:
    """Return the shell commands of a task, those of the tasks that it calls included."""
    if name not in tasks or depth > _MAX_DEPTH:
        return []
    lines: list[str] = []
    for command in _list_commands(tasks[name]):
        text = re.sub(r"\{args[^}]*\}|\{\{[^}]*\}\}|\$@", shlex.join(arguments), command)
        first = text.lstrip("@- ").split(" ", 1)[0]
        lines += expand_task(tasks, first, (), depth + 1) if first != name else []
        lines += [] if first in tasks and first != name else [text]
    return lines


def _list_commands(task: Any) -> Iterator[str]:
    """Yield the commands of a task: a string, a list, or a table of any of the tools."""
    if isinstance(task, str):
        yield from task.splitlines()
    elif isinstance(task, list):
        for item in task:
            yield from _list_commands(item)
    elif isinstance(task, dict):
        for key in _COMMAND_KEYS:
            value = task.get(key)
            if key == "cmd" and isinstance(value, list):
                yield shlex.join(it for it in value if isinstance(it, str))
            else:
                yield from _list_commands(value)


def _read_tasks(tree: FileTree, tool: str, folder: str) -> Tasks:
    if tool == "just":
        return _read_just(tree, folder)
    if tool == "pipenv":
        tasks = _read_toml(tree, join(folder, "Pipfile")).get("scripts", {})
    elif tool == "pixi":
        tasks = _read_pixi_tasks(tree, folder)
    elif tool == "task" and (taskfile := _read_taskfile(tree, folder)):
        tasks = taskfile
    else:
        data = _read_pyproject(tree, folder)
        place = {"poe": ("poe", "tasks"), "task": ("taskipy", "tasks")}.get(tool, (tool, "scripts"))
        tasks = data.get(place[0], {}).get(place[1], {})
    return tasks if isinstance(tasks, dict) else {}


def _read_pixi_tasks(tree: FileTree, folder: str) -> Tasks:
    table = _read_toml(tree, join(folder, "pixi.toml")) or _read_pyproject(tree, folder).get(
        "pixi", {}
    )
    features = table.get("feature", {}).values()
    return {k: v for it in (table, *features) for k, v in it.get("tasks", {}).items()}


def _read_just(tree: FileTree, folder: str) -> Tasks:
    names = ("justfile", "Justfile", ".justfile")
    text = next(filter(None, (decode_text(tree.read(join(folder, it)) or b"") for it in names)), "")
    return {
        name: [*needed.split(), *(line.strip().lstrip("@-") for line in body.splitlines())]
        for name, needed, body in _JUST.findall(text + "\n")
    }


def _read_taskfile(tree: FileTree, folder: str) -> Tasks:
    for name in ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml"):
        try:
            data = yaml.safe_load(decode_text(tree.read(join(folder, name)) or b""))
        except (yaml.YAMLError, ValueError):
            continue
        if isinstance(data, dict) and isinstance(data.get("tasks"), dict):
            tasks: Tasks = data["tasks"]
            return tasks
    return {}


def _read_pyproject(tree: FileTree, folder: str) -> dict[str, Any]:
    tool = _read_toml(tree, join(folder, "pyproject.toml")).get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _read_toml(tree: FileTree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(tree.read(path) or b""))
    except tomllib.TOMLDecodeError:
        return {}
