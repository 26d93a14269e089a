"""Jobs of GitHub Actions, with reusable workflows and the repository's own actions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_yaml import (
    CIJobTable,
    as_table,
    load_yaml,
    plain_variables,
)
from curate.recipe_tools.draft.github_expressions import Values, flatten, resolve
from curate.recipe_tools.draft.github_matrix import list_values
from curate.recipe_tools.draft.github_steps import StepReader, get_inputs
from curate.recipe_tools.draft.job import is_other_purpose

WORKFLOWS = ".github/workflows"
_RUNNER = {"runner.os": "Linux", "runner.arch": "X64"}
_OTHER_SYSTEM = re.compile(r"^(?:windows|macos)", re.IGNORECASE)
_MAX_DEPTH = 4  # workflows that call workflows


def find_github_jobs(tree: FileTree) -> Iterator[Sequence[CIJobTable]]:
    """Yield every job of every workflow, as the main combinations of its matrix."""
    for name in tree.list_names(WORKFLOWS):
        path = f"{WORKFLOWS}/{name}"
        stem = name.rpartition(".")[0]
        purpose = stem if is_other_purpose(stem) else ""
        yield from _WorkflowReader(tree, path).read(load_yaml(tree, path), purpose, _RUNNER)


class _WorkflowReader:
    """Reads the workflow in *path*, and those that it calls."""

    def __init__(self, tree: FileTree, path: str) -> None:
        self._tree, self._path = tree, path

    def read(
        self, data: Mapping[str, Any], file_purpose: str, values: Values, depth: int = 0
    ) -> Iterator[Sequence[CIJobTable]]:
        for name, declared in as_table(data.get("jobs")).items():
            if not isinstance(declared, dict):
                continue
            job = resolve(declared, {k: v for k, v in values.items() if k.startswith("inputs.")})
            label = " ".join(filter(None, (file_purpose, str(name), _literal(job.get("name")))))
            matrix = [it for it in list_values(job) if not _runs_elsewhere(resolve(job, it))]
            used = str(job.get("uses", ""))
            if not matrix:
                continue
            if used.startswith("./") and depth < _MAX_DEPTH:
                called = load_yaml(self._tree, used.removeprefix("./"))
                given = resolve(job.get("with"), {**values, **matrix[0]})
                inputs = dict(flatten("inputs", _call_inputs(called, given)))
                purpose = label if is_other_purpose(label) else ""
                yield from self.read(called, purpose, _RUNNER | inputs, depth + 1)
            else:
                yield [self._make_table(data, job, label, {**values, **it}) for it in matrix]

    def _make_table(
        self, data: Mapping[str, Any], job: Mapping[str, Any], label: str, values: Values
    ) -> CIJobTable:
        for table in (data.get("env"), job.get("env")):
            variables = plain_variables(resolve(table, values))
            known = {f"env.{k}": v for k, v in variables.items() if "${{" not in v}
            values = {**values, **known}
        folder = _default_folder(resolve(job, values)) or _default_folder(data)
        reader = StepReader(self._tree, values, folder)
        steps = list(reader.read(job.get("steps")))
        environments = (resolve(it, values) for it in (data.get("env"), job.get("env")))
        return CIJobTable(
            origin=self._path,
            name=label,
            steps=steps,
            variables=plain_variables(*environments, reader.variables),
            shell_variables=reader.written,
        )


def _call_inputs(workflow: Mapping[Any, Any], given: Any) -> dict[str, Any]:
    triggers = as_table(workflow.get("on", workflow.get(True)))  # YAML 1.1 takes `on` for true
    return get_inputs(as_table(triggers.get("workflow_call")).get("inputs"), given)


def _runs_elsewhere(job: Mapping[str, Any]) -> bool:
    """Whether the job runs on Windows or macOS only."""
    runner = job.get("runs-on")
    return isinstance(runner, str) and bool(_OTHER_SYSTEM.match(runner))


def _default_folder(table: Mapping[str, Any]) -> str:
    run = as_table(as_table(table.get("defaults")).get("run"))
    return str(run.get("working-directory", ""))


def _literal(name: Any) -> str:
    return re.sub(r"\$\{\{.*?\}\}", "", name) if isinstance(name, str) else ""
