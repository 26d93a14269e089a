"""Jobs of Travis, Azure Pipelines, CircleCI, GitLab and AppVeyor."""

import re
from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname, join, normpath
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_variants import (
    list_azure_legs,
    list_gitlab_variants,
    list_travis_environments,
    name_in_environment,
    read_travis_environment,
)
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
from curate.recipe_tools.draft.written_variables import find_written

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
_AZURE_VARIABLE = re.compile(r"\$\(([\w.-]+)\)")
_CIRCLE_PARAMETER = re.compile(r"<<\s*parameters\.(\w+)\s*>>")
_OTHER_SYSTEM = re.compile(r"^(?:windows|macos|vs20)", re.IGNORECASE)
_MAX_DEPTH = 5  # templates in templates


def find_travis_jobs(tree: FileTree) -> Iterator[Sequence[CIJobTable]]:
    """Yield the job of the whole file, and each of `jobs` or `matrix` that is for Linux."""
    path = ".travis.yml"
    data = load_yaml(tree, path)
    listed = data.get("jobs", data.get("matrix"))
    included = listed.get("include") if isinstance(listed, dict) else None
    base = {key: value for key, value in data.items() if key not in ("jobs", "matrix")}
    jobs = [it for it in iter_tables(included) if it.get("os") not in ("osx", "windows")]
    environments = list_travis_environments(base.get("env"))
    if data and (any(phase in base for phase in _TRAVIS_PHASES) or not jobs):
        yield [_make_travis_table(base, it, path) for it in environments]
    for job in jobs:
        variables = environments[0] if len(environments) == 1 else {}
        own = read_travis_environment(job.get("env"))
        yield [_make_travis_table({**base, **job}, {**variables, **own}, path)]


def _make_travis_table(
    table: Mapping[str, Any], variables: Mapping[str, str], path: str
) -> CIJobTable:
    phases = [join_lines(table.get(phase)) for phase in _TRAVIS_PHASES]
    return CIJobTable(
        origin=path,
        name=" ".join(str(table[key]) for key in ("stage", "name") if key in table),
        steps=[CIStep(commands=text) for text in phases if text],
        variables=variables,
        system=_apt_packages(table),
    )


def _apt_packages(job: Mapping[str, Any]) -> list[str]:
    """Return Travis' `addons: apt: packages:` in any of its forms."""
    addons = as_table(job.get("addons"))
    apt = addons.get("apt", addons.get("apt_packages"))
    names = apt.get("packages") if isinstance(apt, dict) else apt
    names = [names] if isinstance(names, str) else names or []
    return [name for name in names if isinstance(name, str)]


def find_azure_jobs(tree: FileTree) -> Iterator[Sequence[CIJobTable]]:
    """Yield every job of Azure Pipelines, with templates of the repository inserted."""
    for path in _AZURE_FILES:
        data = load_yaml(tree, path)
        if not data:
            continue
        expanded = _expand_azure(tree, data, dirname(path), 0)
        for job in _iter_azure_jobs(expanded):
            tables = []
            for leg in list_azure_legs(job):
                declared = (expanded.get("variables"), job.get("variables"))
                known = plain_variables(*map(_azure_defaults, declared), leg)
                filled = substitute(job, _AZURE_VARIABLE, known)
                pool = str(as_table(filled.get("pool")).get("vmImage", ""))
                if not _OTHER_SYSTEM.match(pool):
                    tables.append(_make_azure_table(filled, known, path))
            if tables:
                yield tables


def _make_azure_table(
    job: Mapping[str, Any], variables: Mapping[str, str], path: str
) -> CIJobTable:
    steps = list(iter_tables(job.get("steps")))
    shell_variables = name_in_environment(variables)
    for step in steps:
        commands = str(step.get("script", step.get("bash", "")))
        shell_variables |= name_in_environment(find_written(commands, shell_variables).variables)
    return CIJobTable(
        origin=path,
        name=" ".join(str(job[key]) for key in ("job", "displayName") if key in job),
        steps=[
            CIStep(
                commands=str(step.get("script", step.get("bash"))),
                folder=_relative_folder(step.get("workingDirectory")),
                condition=str(step.get("condition", "")),
            )
            for step in steps
            if isinstance(step.get("script", step.get("bash")), str)
        ],
        variables=plain_variables(variables, *(it.get("env") for it in steps)),
        shell_variables=shell_variables,
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
    """Return the values of parameters or variables, a table or a list of tables."""
    if isinstance(declared, dict):
        return declared
    named = (it for it in iter_tables(declared) if "name" in it)
    return {str(it["name"]): it.get("default", it.get("value")) for it in named}


def find_circle_jobs(tree: FileTree) -> Iterator[Sequence[CIJobTable]]:
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
        yield [
            CIJobTable(
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
        ]


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


def find_gitlab_jobs(tree: FileTree) -> Iterator[Sequence[CIJobTable]]:
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
        declared = (data.get("variables"), table.get("variables"))
        yield [
            CIJobTable(
                origin=path,
                name=str(name),
                steps=[CIStep(commands=text) for text in texts if text],
                variables=plain_variables(*declared, variables),
            )
            for variables in list_gitlab_variants(table)
        ]


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
