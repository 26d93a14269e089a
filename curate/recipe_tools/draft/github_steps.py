"""Steps of a job of GitHub Actions, with the repository's own actions in place of their calls.

What a step sets for later ones is known to these. Actions that make a conda environment are
rendered as the commands that would make it.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from posixpath import join, normpath
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_yaml import (
    CIStep,
    as_table,
    iter_tables,
    load_yaml,
    plain_variables,
)
from curate.recipe_tools.draft.github_expressions import evaluate, flatten, is_true, resolve
from curate.recipe_tools.draft.written_variables import find_written

_MAX_DEPTH = 4  # actions that use actions
_ENVIRONMENT_FILE = ("environment-file", "environment_file", "env-file", "condafile")
_PACKAGES = ("create-args", "extra-specs", "conda-packages", "conda_packages")


class StepReader:
    """Reads the steps of one job in their order, with *values* of its expressions."""

    def __init__(self, tree: FileTree, values: Mapping[str, str], folder: str) -> None:
        self._tree, self._folder = tree, folder
        self.values = dict(values)
        self.variables: dict[str, str] = {}  # that steps have in their own `env`
        self.written: dict[str, str] = {}  # that steps set for later ones

    def read(self, steps: Any, condition: str = "", depth: int = 0) -> Iterator[CIStep]:
        """Yield what *steps* run; *condition* is that of the action that has them."""
        for declared in iter_tables(steps):
            variables = plain_variables(resolve(declared.get("env"), self.values))
            known = {f"env.{name}": it for name, it in variables.items() if "${{" not in it}
            step = resolve(declared, {**self.values, **known})
            own = str(declared.get("if", condition))
            holds = is_true(evaluate(own, self.values))
            if holds is False:
                continue
            own = "" if holds else own
            used = str(step.get("uses", ""))
            if used.startswith("./"):
                yield from self._read_action(step, used, own, depth)
            elif used:
                yield from _render_conda(as_table(step.get("with")), own)
            elif isinstance(step.get("run"), str) and not _is_foreign_shell(step):
                self._note_written(step)
                self.variables |= plain_variables(step.get("env"))
                folder = plain_folder(step.get("working-directory", self._folder))
                yield CIStep(commands=str(step["run"]), folder=folder, condition=own)

    def _read_action(
        self, step: Mapping[str, Any], used: str, condition: str, depth: int
    ) -> Iterator[CIStep]:
        """Yield the steps of an action of the repository, and take over its outputs."""
        if depth >= _MAX_DEPTH:
            return
        for suffix in ("yml", "yaml"):
            action = load_yaml(self._tree, join(normpath(used), f"action.{suffix}"))
            outer = self.values
            inputs = flatten("inputs", get_inputs(action.get("inputs"), step.get("with")))
            self.values = {**outer, **dict(inputs)}
            yield from self.read(as_table(action.get("runs")).get("steps"), condition, depth + 1)
            outputs = {
                name: resolve(as_table(it).get("value"), self.values)
                for name, it in as_table(action.get("outputs")).items()
            }
            changed = {name: it for name, it in self.values.items() if name.startswith("env.")}
            self.values = outer | changed
            self._add_outputs(step, {k: v for k, v in outputs.items() if "${{" not in str(v)})

    def _note_written(self, step: Mapping[str, Any]) -> None:
        known = {**self._plain_environment(), **plain_variables(step.get("env"))}
        written = find_written(str(step["run"]), known)
        self.written |= written.variables
        self.values |= {f"env.{name}": value for name, value in written.variables.items()}
        self._add_outputs(step, written.outputs)

    def _add_outputs(self, step: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        prefix = f"steps.{step.get('id', '')}.outputs"
        self.values |= {f"{prefix}.{name}": str(value) for name, value in outputs.items()}

    def _plain_environment(self) -> dict[str, str]:
        return {
            name.removeprefix("env."): value
            for name, value in self.values.items()
            if name.startswith("env.")
        }


def get_inputs(declared: Any, given: Any) -> dict[str, Any]:
    """Return the inputs of an action or workflow: those *given*, else as *declared*."""
    defaults = {name: as_table(it).get("default") for name, it in as_table(declared).items()}
    return {**defaults, **as_table(given)}


def plain_folder(folder: Any) -> str:
    """Return a working directory relative to the root; "" for the root or an unknown one."""
    path = re.sub(r"^\$\{\{\s*github\.workspace\s*\}\}/?", "", str(folder or ""))
    return (
        "" if "$" in path or path.startswith("/") else normpath(path).strip("./") and normpath(path)
    )


def _render_conda(inputs: Mapping[str, Any], condition: str) -> Iterator[CIStep]:
    """Yield commands for the environment file and packages that an action takes."""
    known = {str(k): re.sub(r"\$\{\{.*?\}\}", "${}", str(v or "")) for k, v in inputs.items()}
    files = [file for name in _ENVIRONMENT_FILE for file in known.get(name, "").split()]
    lines = [shlex.join(["conda", "env", "update", "-f", file]) for file in files]
    for name in _PACKAGES:
        words = [word.strip("\"'") for word in known.get(name, "").split()]
        lines += [shlex.join(["conda", "create", *words])] if words else []
    if lines:
        yield CIStep(commands="\n".join(lines), condition=condition)


def _is_foreign_shell(step: Mapping[str, Any]) -> bool:
    return str(step.get("shell", "bash")).split()[0:1] in (["pwsh"], ["powershell"], ["cmd"])
