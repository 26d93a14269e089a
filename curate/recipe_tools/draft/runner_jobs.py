"""Jobs of what runs tests for people as well as for CI: tox, nox, invoke, hatch and make."""

from collections.abc import Iterator

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.called_scripts import collect_make_commands, read_make_targets
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.python_tasks import find_invoke_jobs, find_nox_jobs
from curate.recipe_tools.draft.shell_commands import read_commands
from curate.recipe_tools.draft.task_files import (
    expand_task,
    read_hatch_environments,
    render_hatch_environment,
)
from curate.recipe_tools.draft.tox_ini import find_tox_ini_jobs
from curate.recipe_tools.draft.tox_toml import find_tox_toml_jobs


def find_runner_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every environment of tox and hatch, nox session, invoke task and make target."""
    yield from find_tox_ini_jobs(tree)
    yield from find_tox_toml_jobs(tree)
    yield from find_nox_jobs(tree)
    yield from find_invoke_jobs(tree)
    yield from _iter_hatch_jobs(tree)
    yield from _iter_make_jobs(tree)


def _iter_hatch_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every script of every environment; `hatch-test` runs pytest without one."""
    for name, table in read_hatch_environments(tree).items():
        installs = render_hatch_environment(name, table)
        scripts = table.get("scripts", {})
        commands = {it: expand_task(scripts, it) for it in scripts}
        if name == "hatch-test":
            commands = {"": ["pytest"]}
        for script, lines in commands.items():
            found = read_commands("\n".join([*installs, *lines]), tree)
            yield CIJob(origin="hatch", findings=found, name=f"{name} {script}".strip())


def _iter_make_jobs(tree: FileTree) -> Iterator[CIJob]:
    targets = read_make_targets(tree)
    for name in targets:
        commands = collect_make_commands(targets, [name])
        yield CIJob(origin="Makefile", findings=read_commands(commands, tree), name=name)
