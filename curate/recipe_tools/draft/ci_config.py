"""Jobs of CI services: GitHub Actions, Travis, Azure Pipelines, CircleCI, GitLab."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import add_file, read_commands

WORKFLOWS = ".github/workflows"
_PLAIN_FILES = (
    ".travis.yml",
    "azure-pipelines.yml",
    ".azure-pipelines/azure-pipelines.yml",
    ".circleci/config.yml",
    ".gitlab-ci.yml",
)
_COMMANDS = ("run", "script", "bash", "command", "before_install", "install", "before_script")


def find_ci_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every job of every CI configuration in *tree*."""
    workflows = [f"{WORKFLOWS}/{name}" for name in tree.list_names(WORKFLOWS)]
    for path in (*workflows, *_PLAIN_FILES):
        for table in _iter_job_tables(_load_yaml(tree, path)):
            job = {**table, "uses": list(_read_local_actions(tree, table))}
            variables = _env_variables(job)
            found = read_commands("\n".join(_collect_commands(job)), tree, variables)
            for file in _collect_commands(job, names=("environment-file",)):
                add_file(found.files, re.sub(r"\$\{\{.*?\}\}", "${}", file))
            for package in _apt_packages(job):
                found.system += [package] if package not in found.system else []
            found.variables |= variables
            yield CIJob(origin=path, findings=found)


def _load_yaml(tree: FileTree, path: str) -> Mapping[str, Any]:
    if not path.endswith((".yml", ".yaml")):
        return {}
    try:
        data = yaml.safe_load(decode_text(tree.read(path) or b""))
    except (yaml.YAMLError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _iter_job_tables(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each job of *data*, with `env` of the whole file merged in."""
    jobs = data.get("jobs")
    named = jobs.values() if isinstance(jobs, dict) else jobs if isinstance(jobs, list) else ()
    job_tables = [job for job in named if isinstance(job, dict)]
    if job_tables:
        global_env = data.get("env")
        yield from ({**job, "env": [global_env, job.get("env")]} for job in job_tables)
    elif data:
        yield data  # Travis, GitLab, and files with a single job


def _read_local_actions(tree: FileTree, job: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the repository's local actions that steps of *job* use."""
    steps = job.get("steps")
    for step in steps if isinstance(steps, list) else ():
        used = str(step.get("uses", "")) if isinstance(step, dict) else ""
        if used.startswith("./"):
            folder = used.removeprefix("./").strip("/")
            yield from (_load_yaml(tree, f"{folder}/action.{suffix}") for suffix in ("yml", "yaml"))


def _collect_commands(node: Any, key: str = "", names: Sequence[str] = _COMMANDS) -> Iterator[str]:
    """Yield the text of all keys in *names* anywhere below *node*; shell commands by default."""
    if isinstance(node, str):
        if key in names:
            yield node
    elif isinstance(node, list):
        for item in node:
            yield from _collect_commands(item, key, names)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _collect_commands(value, str(name), names)


def _apt_packages(job: Mapping[str, Any]) -> list[str]:
    """Return Travis' `addons: apt: packages:` in any of its forms."""
    addons = job.get("addons")
    apt = addons.get("apt", addons.get("apt_packages")) if isinstance(addons, dict) else None
    names = apt.get("packages") if isinstance(apt, dict) else apt
    names = [names] if isinstance(names, str) else names or []
    return [name for name in names if isinstance(name, str)]


def _env_variables(job: Mapping[str, Any]) -> dict[str, str]:
    """Return the merged `env:` of file, job and steps."""
    steps = job.get("steps")
    tables = [*_env_tables(job.get("env"))]
    tables += [step["env"] for step in steps or () if isinstance(step, dict) and "env" in step]
    found: dict[str, str] = {}
    for table in tables:
        if isinstance(table, dict):
            found |= {str(k): str(v) for k, v in table.items() if isinstance(v, str | int | float)}
    return found


def _env_tables(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
