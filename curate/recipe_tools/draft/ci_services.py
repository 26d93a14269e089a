"""Jobs of Travis, Azure Pipelines, CircleCI, GitLab and AppVeyor."""

import re
from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_yaml import (
    CIJobTable,
    CIStep,
    as_table,
    iter_tables,
    join_lines,
    load_yaml,
    plain_variables,
    substitute,
)

_AZURE_FILES = (
    "azure-pipelines.yml",
    ".azure-pipelines.yml",
    ".azure-pipelines/azure-pipelines.yml",
    ".ci/azure-pipelines.yml",
)
_APPVEYOR_FILES = ("appveyor.yml", ".appveyor.yml")
_TRAVIS_PHASES = ("before_install", "install", "before_script", "script")
_GITLAB_PHASES = ("before_script", "script")
_GITLAB_KEYS = frozenset(
    {"default", "variables", "include", "stages", "workflow", "image", "cache"}
)
_AZURE_PARAMETER = re.compile(r"\$\{\{\s*parameters\.(\w+)\s*\}\}")
_CIRCLE_PARAMETER = re.compile(r"<<\s*parameters\.(\w+)\s*>>")
_OTHER_SYSTEM = re.compile(r"^(?:windows|macos|vs20)", re.IGNORECASE)
_MAX_DEPTH = 5  # templates in templates


def find_travis_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield the job of the whole file, and each of `jobs` or `matrix` that has its own commands."""
    path = ".travis.yml"
    data = load_yaml(tree, path)
    listed = data.get("jobs", data.get("matrix"))
    included = listed.get("include") if isinstance(listed, dict) else None
    base = {key: value for key, value in data.items() if key not in ("jobs", "matrix")}
    jobs = [it for it in iter_tables(included) if it.get("os") not in ("osx", "windows")]
    tables = [{**base, **job, "env": [base.get("env"), job.get("env")]} for job in jobs]
    if any(phase in base for phase in _TRAVIS_PHASES) or not tables:
        tables.insert(0, base)
    for table in tables if data else ():
        phases = [join_lines(table.get(phase)) for phase in _TRAVIS_PHASES]
        yield CIJobTable(
            origin=path,
            name=" ".join(str(table[key]) for key in ("stage", "name") if key in table),
            steps=[CIStep(commands=text) for text in phases if text],
            variables=_travis_variables(table.get("env")),
            system=_apt_packages(table),
        )


def _travis_variables(value: Any) -> dict[str, str]:
    """Return the variables that are the same in all of a matrix."""
    if isinstance(value, dict):
        if "global" in value or "matrix" in value or "jobs" in value:
            return _travis_variables(value.get("global"))
        return plain_variables(value)
    found: dict[str, str] = {}
    items = value if isinstance(value, list) else [value]
    is_single = sum(isinstance(item, str) for item in items) == 1  # else each is of one job
    for item in items:
        if isinstance(item, str) and is_single:
            found |= dict(re.findall(r"""(\w+)=["']?([^"'\s]*)""", item))
        elif isinstance(item, list) or (isinstance(item, dict) and "secure" not in item):
            found |= _travis_variables(item)
    return found


def _apt_packages(job: Mapping[str, Any]) -> list[str]:
    """Return Travis' `addons: apt: packages:` in any of its forms."""
    addons = as_table(job.get("addons"))
    apt = addons.get("apt", addons.get("apt_packages"))
    names = apt.get("packages") if isinstance(apt, dict) else apt
    names = [names] if isinstance(names, str) else names or []
    return [name for name in names if isinstance(name, str)]


def find_azure_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield every job of Azure Pipelines, with templates of the repository inserted."""
    for path in _AZURE_FILES:
        data = load_yaml(tree, path)
        if not data:
            continue
        expanded = _expand_azure(tree, data, dirname(path), 0)
        jobs = [job for table in _iter_azure_jobs(expanded) for job in [table]]
        for job in jobs:
            pool = str(as_table(job.get("pool")).get("vmImage", ""))
            if _OTHER_SYSTEM.match(pool):
                continue
            yield CIJobTable(
                origin=path,
                name=" ".join(str(job[key]) for key in ("job", "displayName") if key in job),
                steps=[
                    CIStep(
                        commands=str(step.get("script", step.get("bash"))),
                        folder=_relative_folder(step.get("workingDirectory")),
                        condition=str(step.get("condition", "")),
                    )
                    for step in iter_tables(job.get("steps"))
                    if isinstance(step.get("script", step.get("bash")), str)
                ],
                variables=plain_variables(
                    expanded.get("variables"),
                    job.get("variables"),
                    *(it.get("env") for it in iter_tables(job.get("steps"))),
                ),
            )


def _iter_azure_jobs(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the jobs of all stages; a file that only has steps is one job."""
    stages = list(iter_tables(data.get("stages")))
    for holder in (data, *stages):
        yield from iter_tables(holder.get("jobs"))
    if "steps" in data:
        yield dict(data)


def _expand_azure(tree: FileTree, node: Any, folder: str, depth: int) -> Any:
    """Replace items `template: FILE` of lists by the items of the list that the file has."""
    if isinstance(node, dict):
        return {key: _expand_azure(tree, value, folder, depth) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    items: list[Any] = []
    for item in node:
        named = item.get("template") if isinstance(item, dict) else None
        if not isinstance(named, str) or "@" in named or depth >= _MAX_DEPTH:
            items.append(_expand_azure(tree, item, folder, depth))
            continue
        path = named.lstrip("/") if named.startswith("/") else normpath(join(folder, named))
        template = load_yaml(tree, path)
        values = {**_azure_defaults(template.get("parameters")), **as_table(item.get("parameters"))}
        filled = substitute(template, _AZURE_PARAMETER, values)
        for key in ("stages", "jobs", "steps"):
            found = filled.get(key)
            if isinstance(found, list):
                items += _expand_azure(tree, found, dirname(path), depth + 1)
    return items


def _azure_defaults(declared: Any) -> dict[str, Any]:
    if isinstance(declared, dict):
        return declared
    return {str(it.get("name")): it.get("default") for it in iter_tables(declared)}


def find_circle_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield every job of CircleCI, with the commands that the file defines inserted."""
    path = ".circleci/config.yml"
    data = load_yaml(tree, path)
    commands = as_table(data.get("commands"))
    for name, job in as_table(data.get("jobs")).items():
        if not isinstance(job, dict) or "macos" in job:
            continue
        defaults = _circle_defaults(job)
        steps = list(
            _expand_circle(commands, substitute(job.get("steps"), _CIRCLE_PARAMETER, defaults))
        )
        environments = [it.get("environment") for it in steps]
        docker = [it.get("environment") for it in iter_tables(job.get("docker"))][:1]
        yield CIJobTable(
            origin=path,
            name=str(name),
            steps=[
                CIStep(
                    commands=str(step["command"]),
                    folder=_relative_folder(step.get("working_directory")),
                )
                for step in steps
                if isinstance(step.get("command"), str)
            ],
            variables=plain_variables(*docker, job.get("environment"), *environments),
        )


def _expand_circle(
    commands: Mapping[str, Any], steps: Any, depth: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the `run` tables of *steps* and of the named commands among them."""
    for step in steps if isinstance(steps, list) else ():
        named = {step: None} if isinstance(step, str) else as_table(step)
        for name, value in named.items():
            if name == "run":
                yield {"command": value} if isinstance(value, str) else as_table(value)
            elif name in ("when", "unless"):
                yield from _expand_circle(commands, as_table(value).get("steps"), depth)
            elif name in commands and depth < _MAX_DEPTH:
                command = as_table(commands[name])
                values = {**_circle_defaults(command), **as_table(value)}
                inner = substitute(command.get("steps"), _CIRCLE_PARAMETER, values)
                yield from _expand_circle(commands, inner, depth + 1)


def _circle_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    declared = as_table(table.get("parameters"))
    return {name: as_table(it).get("default") for name, it in declared.items()}


def find_gitlab_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield every job of GitLab, with what it extends."""
    path = ".gitlab-ci.yml"
    data = load_yaml(tree, path)
    general = {**data, **as_table(data.get("default"))}
    shared = {key: general[key] for key in ("before_script",) if key in general}
    for name, job in data.items():
        if not isinstance(job, dict) or name in _GITLAB_KEYS or str(name).startswith("."):
            continue
        table = {**shared, **_extend(data, job, 0)}
        texts = [join_lines(table.get(phase)) for phase in _GITLAB_PHASES]
        yield CIJobTable(
            origin=path,
            name=str(name),
            steps=[CIStep(commands=text) for text in texts if text],
            variables=plain_variables(data.get("variables"), table.get("variables")),
        )


def _extend(data: Mapping[str, Any], job: Mapping[str, Any], depth: int) -> dict[str, Any]:
    names = job.get("extends", ())
    merged: dict[str, Any] = {}
    for name in [names] if isinstance(names, str) else names:
        if depth < _MAX_DEPTH:
            merged |= _extend(data, as_table(data.get(name)), depth + 1)
    return merged | dict(job)


def find_appveyor_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield the job of AppVeyor, whose commands are for Windows."""
    for path in _APPVEYOR_FILES:
        data = load_yaml(tree, path)
        texts = [
            _appveyor_script(data.get(key)) for key in ("install", "build_script", "test_script")
        ]
        if any(texts):
            yield CIJobTable(origin=path, steps=[CIStep(commands=text) for text in texts if text])


def _appveyor_script(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    tables = [it for item in items if isinstance(item, dict) for it in item.values()]
    lines = [str(it) for it in (*items, *tables) if isinstance(it, str)]
    unix = "\n".join(lines).replace("\\", "/").replace("%PYTHON%/python.exe", "python")
    return re.sub(r"(?:%\w+%|\$env:\w+)/(?:Scripts/)?(\w+)(?:\.exe)?", r"\1", unix)


def _relative_folder(folder: Any) -> str:
    path = re.sub(
        r"^(?:\$\(Build\.SourcesDirectory\)|\$\(System\.DefaultWorkingDirectory\))/?",
        "",
        str(folder or ""),
    )
    return "" if "$" in path or path.startswith(("/", "~")) or not path else normpath(path)
