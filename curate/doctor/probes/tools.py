"""Look at programs and libraries."""

import os
import platform
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from curate import __version__
from curate.builders.git.run import checkout_environment
from curate.core.names import website_url
from curate.doctor.commands import ask_command
from curate.doctor.context import CheckContext
from curate.doctor.http import host_of
from curate.doctor.judgments.tools import (
    GitFacts,
    LibraryFacts,
    Version,
    judge_git,
    judge_git_host,
    judge_libraries,
    judge_python,
    judge_uv,
)
from curate.doctor.model import Check

DISTRIBUTION = "swe-curate"
# What git says of a server that it did reach.
_REACHED = re.compile(r"not found|could not read Username|Authentication failed|terminal prompts")


def check_python(context: CheckContext) -> list[Check]:
    """This interpreter."""
    return [judge_python(tuple(sys.version_info[:3]), sys.executable)]


def check_libraries(context: CheckContext) -> list[Check]:
    """What curate was installed with."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [judge_libraries(LibraryFacts(curate=__version__, is_installed=False))]
    wanted = [it for it in map(Requirement, lines) if it.marker is None or it.marker.evaluate()]
    versions, missing, unfit = [], [], []
    for each in wanted:
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            missing.append(str(each))
            continue
        if each.specifier.contains(version, prereleases=True):
            versions.append((each.name, version))
        else:
            unfit.append(f"{each.name} {version} (needs {each.specifier})")
    facts = LibraryFacts(curate=__version__, versions=versions, missing=missing, unfit=unfit)
    return [judge_libraries(facts)]


def check_git(context: CheckContext) -> list[Check]:
    """The git on PATH: its version, and whether it clones partially."""
    path = shutil.which("git", path=context.environment.get("PATH"))
    if path is None:
        return [judge_git(GitFacts())]
    answer = ask_command([path, "--version"], context.environment, context.answer_seconds)
    version = _read_version(answer.output)
    if not version:
        return [judge_git(GitFacts(path=path, fault=f"{path}: {answer.last_line}"))]
    fault = _try_partial_clone(path, context.answer_seconds)
    facts = GitFacts(version=version, path=path, can_clone_partially=not fault, fault=fault)
    return [judge_git(facts)]


def _read_version(text: str) -> Version:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(it) for it in match.groups() if it) if match else ()


def _try_partial_clone(git: str, seconds: float) -> str:
    """Clone an empty repository without its blobs; return why that fails, "" if it does not."""
    variables = checkout_environment()
    with tempfile.TemporaryDirectory(prefix="curate-doctor-") as folder:
        source, target = f"{folder}/source.git", f"{folder}/target.git"
        for command in (
            [git, "init", "--quiet", "--bare", source],
            [git, f"--git-dir={source}", "config", "uploadpack.allowFilter", "true"],
            [git, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{source}", target],
        ):
            answer = ask_command(command, variables, seconds)
            if answer.code != 0:
                return answer.last_line or f"exit code {answer.code}"
    return ""


def check_git_host(context: CheckContext) -> list[Check]:
    """Whether git itself, with its own proxy and certificates, reaches GitHub's website."""
    site = website_url(context.settings.github_api_url)
    has_mirrors = context.settings.mirrors_dir is not None
    git = shutil.which("git", path=context.environment.get("PATH"))
    if git is None:
        fault = "there is no git on PATH"
        return [judge_git_host(host_of(site), fault, has_mirrors=has_mirrors)]
    variables = {**context.environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    variables |= {"GIT_ASKPASS": "true", "SSH_ASKPASS": "true"}
    url = f"{site}/{_name_some_repository()}"
    # Where no repository is, none may be found from here: its settings would count.
    command = [git, "-C", tempfile.gettempdir(), "ls-remote", "--quiet", url, "HEAD"]
    answer = ask_command(command, variables, context.answer_seconds)
    fault = "" if answer.code == 0 or _REACHED.search(answer.errors) else answer.last_line
    return [judge_git_host(host_of(site), fault, has_mirrors=has_mirrors)]


def _name_some_repository() -> str:
    """A repository that the recipes name; any answer about it tells that the host is reached."""
    from curate.recipes import RecipeLibrary

    return next((recipe.repo for recipe in RecipeLibrary()), "git/git")


def check_uv(context: CheckContext) -> list[Check]:
    """The uv that was installed with curate."""
    from curate.builders.python.install import find_uv

    try:
        path = find_uv()
    except (FileNotFoundError, ImportError) as error:
        return [judge_uv("", f"uv is not installed: {error}")]
    answer = ask_command([path, "--version"], os.environ, context.answer_seconds)
    if answer.code != 0:
        return [judge_uv("", f"{path}: {answer.last_line}")]
    return [judge_uv(f"{answer.output.strip()} at {Path(path)}", "")]


def read_system() -> tuple[str, str, str]:
    """System, release and machine, as in ("Linux", "6.1.0", "x86_64")."""
    return platform.system(), platform.release(), platform.machine()
