"""What uv, poetry, pdm, pipenv, conda and pixi install: a project or an environment."""

import re

from curate.builders.requirements.conda_env import convert_conda_spec
from curate.recipe_tools.draft.found_items import add_file, append_unique, pop_value
from curate.recipe_tools.draft.job import JobFindings

_CONDA_VALUED = re.compile(r"-[cnp]|--(?:channel|name|prefix|solver|override-channels-file)")
_CONDA_PACKAGE = re.compile(r"(?:[\w.-]+::)?([A-Za-z_][\w.-]*)([<>=!~].*)?")


def read_uv(words: list[str], found: JobFindings) -> None:
    """Read `uv sync`."""
    if words[:1] == ["sync"]:
        read_uv_options(words[1:], found)


def read_uv_options(words: list[str], found: JobFindings) -> None:
    """Read what `uv sync` and `uv run` install: the project with its default group."""
    if not {"--no-dev", "--no-default-groups"} & {*words}:
        append_unique(found.groups, "dev")
    _read_options(words, found)


def read_install(words: list[str], found: JobFindings) -> None:
    """Read `poetry install`, `pdm install` and `sync`: the project with all its groups."""
    if words[:1] not in (["install"], ["sync"]):
        return
    if not {"--only", "--prod", "--production", "--no-dev", "--only-root"} & {
        word.partition("=")[0] for word in words
    }:
        append_unique(found.groups, "*")
    _read_options(words[1:], found)


def _read_options(words: list[str], found: JobFindings) -> None:
    """Read the groups and extras that options of an install of the project name."""
    queue = list(words)
    append_unique(found.projects, ".")
    if "--all-groups" in words:
        append_unique(found.groups, "*")
    if "--all-extras" in words:
        append_unique(found.extras, "*")
    while queue:
        name, _, value = queue.pop(0).partition("=")
        if name in ("--group", "-G", "--with", "--only-group", "--only"):
            for group in re.split(r"[,\s]+", value or pop_value(queue)):
                append_unique(found.groups, group)
        elif name in ("--extra", "--extras", "-E"):
            for extra in re.split(r"[,\s]+", value or pop_value(queue)):
                append_unique(found.extras, extra)


def read_pipenv(words: list[str], found: JobFindings) -> None:
    """Read `pipenv install`, whose requirements are in the Pipfile."""
    if words[:1] in (["install"], ["sync"], ["update"]):
        add_file(found.files, "Pipfile")


def read_conda(words: list[str], found: JobFindings) -> None:
    """Read environment files, and packages by name, which are requirements under PyPI's names."""
    queue = words[words.index("install") + 1 :] if "install" in words else words[1:]
    takes_packages = words[:1] in (["install"], ["create"])
    while queue:
        word = queue.pop(0)
        name, equals, value = word.partition("=")
        if name in ("-f", "--file"):
            add_file(found.files, value if equals else pop_value(queue))
        elif _CONDA_VALUED.fullmatch(word):
            pop_value(queue)
        elif takes_packages and (spec := _CONDA_PACKAGE.fullmatch(word)):
            append_unique(found.packages, convert_conda_spec(spec[1], spec[2] or ""))
    if words[:2] in (["env", "create"], ["env", "update"]) and not _names_file(words):
        add_file(found.files, "environment.yml")


def _names_file(words: list[str]) -> bool:
    return any(word.startswith(("-f", "--file")) for word in words)


def read_conda_lock(words: list[str], found: JobFindings) -> None:
    """Read `conda-lock install`."""
    files = [it for it in words[1:] if re.search(r"lock|\.ya?ml$", it) and not it.startswith("-")]
    if words[:1] == ["install"]:
        add_file(found.files, files[-1] if files else "conda-lock.yml")


def read_pixi(words: list[str], found: JobFindings) -> None:
    """Read the environment of `pixi run` or `pixi install`, which is a group."""
    named = [words[i + 1] for i, it in enumerate(words[:-1]) if it in ("-e", "--environment")]
    append_unique(found.groups, named[0] if named else "default")
