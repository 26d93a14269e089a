"""Jobs of GitHub Actions, with reusable workflows and the repository's own actions."""

import re
from collections.abc import Iterator, Mapping
from posixpath import join, normpath
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_yaml import (
    CIJobTable,
    CIStep,
    as_table,
    iter_tables,
    load_yaml,
    plain_variables,
    substitute,
)
from curate.recipe_tools.draft.job import is_other_purpose

WORKFLOWS = ".github/workflows"
_INPUT = re.compile(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}")
_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w.-]+)\s*\}\}")
_ENV = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")
_OTHER_SYSTEM = re.compile(r"^(?:windows|macos)", re.IGNORECASE)
_MAX_DEPTH = 4  # workflows that call workflows, actions that use actions


def find_github_jobs(tree: FileTree) -> Iterator[CIJobTable]:
    """Yield every job of every workflow."""
    for name in tree.list_names(WORKFLOWS):
        path = f"{WORKFLOWS}/{name}"
        stem = name.rpartition(".")[0]
        yield from _iter_jobs(
            tree, load_yaml(tree, path), path, stem if is_other_purpose(stem) else ""
        )


def _iter_jobs(
    tree: FileTree, data: Mapping[str, Any], path: str, file_purpose: str, depth: int = 0
) -> Iterator[CIJobTable]:
    for name, declared in as_table(data.get("jobs")).items():
        if not isinstance(declared, dict) or _runs_elsewhere(declared):
            continue
        job = _insert_matrix(declared)
        used = str(job.get("uses", ""))
        label = " ".join(filter(None, (file_purpose, str(name), _literal(job.get("name")))))
        if used.startswith("./") and depth < _MAX_DEPTH:
            called = load_yaml(tree, used.removeprefix("./"))
            filled = substitute(called, _INPUT, _call_inputs(called, job.get("with")))
            yield from _iter_jobs(
                tree, filled, path, label if is_other_purpose(label) else "", depth + 1
            )
        else:
            yield _make_job(tree, data, job, label, path)


def _make_job(
    tree: FileTree, data: Mapping[str, Any], job: Mapping[str, Any], label: str, path: str
) -> CIJobTable:
    global_env = plain_variables(data.get("env"), job.get("env"))
    job = substitute(job, _ENV, global_env)
    folder = _default_folder(job) or _default_folder(data)
    steps = list(_expand_steps(tree, job.get("steps")))
    environments = [plain_variables(step.get("env")) for step in steps]
    with_tables = [as_table(step.get("with")) for step in steps]
    return CIJobTable(
        origin=path,
        name=label,
        steps=[
            CIStep(
                commands=str(step["run"]),
                folder=_plain_folder(step.get("working-directory", folder)),
                condition=str(step.get("if", "")),
            )
            for step in steps
            if isinstance(step.get("run"), str) and not _is_foreign_shell(step)
        ],
        variables=plain_variables(global_env, *environments),
        environment_files=[
            str(it["environment-file"]) for it in with_tables if it.get("environment-file")
        ],
    )


def _expand_steps(tree: FileTree, steps: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield all steps, with those of the repository's own composite actions in their place."""
    for step in iter_tables(steps):
        used = str(step.get("uses", ""))
        if not used.startswith("./") or depth >= _MAX_DEPTH:
            yield step
            continue
        folder = normpath(used)
        for suffix in ("yml", "yaml"):
            action = load_yaml(tree, join(folder, f"action.{suffix}"))
            filled = substitute(action, _INPUT, _inputs(action.get("inputs"), step.get("with")))
            for inner in _expand_steps(tree, as_table(filled.get("runs")).get("steps"), depth + 1):
                condition = inner.get("if", step.get("if", ""))
                yield {**inner, "if": condition}


def _call_inputs(workflow: Mapping[Any, Any], given: Any) -> dict[str, Any]:
    triggers = as_table(workflow.get("on", workflow.get(True)))  # YAML 1.1 takes `on` for true
    return _inputs(as_table(triggers.get("workflow_call")).get("inputs"), given)


def _inputs(declared: Any, given: Any) -> dict[str, Any]:
    defaults = {name: as_table(it).get("default") for name, it in as_table(declared).items()}
    return {**defaults, **as_table(given)}


def _insert_matrix(job: dict[str, Any]) -> dict[str, Any]:
    """Replace matrix variables that have one value in the whole matrix."""
    matrix = as_table(as_table(job.get("strategy")).get("matrix"))
    values: dict[str, list[Any]] = {}
    for name, items in matrix.items():
        if name not in ("include", "exclude") and isinstance(items, list):
            values[str(name)] = items
    for included in iter_tables(matrix.get("include")):
        for name, value in included.items():
            values[str(name)] = [*values.get(str(name), ()), value]
    single = {name: items[0] for name, items in values.items() if len(set(map(str, items))) == 1}
    rest = substitute({k: v for k, v in job.items() if k != "strategy"}, _MATRIX, single)
    return {**job, **rest}


def _runs_elsewhere(job: Mapping[str, Any]) -> bool:
    """Whether the job runs on Windows or macOS only."""
    runner = job.get("runs-on")
    return isinstance(runner, str) and bool(_OTHER_SYSTEM.match(runner))


def _is_foreign_shell(step: Mapping[str, Any]) -> bool:
    return str(step.get("shell", "bash")).split()[0:1] in (["pwsh"], ["powershell"], ["cmd"])


def _default_folder(table: Mapping[str, Any]) -> str:
    run = as_table(as_table(table.get("defaults")).get("run"))
    return str(run.get("working-directory", ""))


def _plain_folder(folder: Any) -> str:
    path = re.sub(r"^\$\{\{\s*github\.workspace\s*\}\}/?", "", str(folder or ""))
    return (
        "" if "$" in path or path.startswith("/") else normpath(path).strip("./") and normpath(path)
    )


def _literal(name: Any) -> str:
    return re.sub(r"\$\{\{.*?\}\}", "", name) if isinstance(name, str) else ""
