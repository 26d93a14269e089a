"""Programs and libraries: Python, git, uv, and what curate was installed with."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.doctor.model import Check, Job, make_failure, make_ok, make_warning

MIN_PYTHON = (3, 11)
MIN_GIT = (2, 31)  # the first that takes its settings from GIT_CONFIG_COUNT
Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GitFacts:
    """What the git on PATH is; `version` is empty if there is none."""

    version: Version = ()
    path: str = ""
    can_clone_partially: bool = False
    fault: str = ""  # why it could not be asked


@dataclass(frozen=True, kw_only=True)
class LibraryFacts:
    """curate and the libraries that it asks for."""

    curate: str
    versions: Sequence[tuple[str, str]] = ()  # name and version of those that fit
    missing: Sequence[str] = ()  # requirements without any version
    unfit: Sequence[str] = ()  # as in "rich 9.0 (needs >=13.9)"
    is_installed: bool = True  # False: run from a source tree


def show_version(version: Version) -> str:
    """As in `2.39.5`."""
    return ".".join(map(str, version))


def judge_python(version: Version, path: str) -> Check:
    """Whether this Python can run curate."""
    found = f"{show_version(version)} at {path}"
    if version[:2] < MIN_PYTHON:
        return make_failure("python", found, f"Install Python {show_version(MIN_PYTHON)} or newer.")
    return make_ok("python", found)


def judge_libraries(facts: LibraryFacts) -> Check:
    """Whether curate's libraries are there, in versions that it takes."""
    remedy = "Install curate again, in an environment of its own: pip install --force-reinstall ."
    if facts.missing:
        return make_failure("versions", f"missing: {', '.join(facts.missing)}", remedy)
    if facts.unfit:
        return make_warning("versions", f"curate {facts.curate}; {', '.join(facts.unfit)}", remedy)
    names = ", ".join(f"{name} {version}" for name, version in facts.versions)
    if not facts.is_installed:
        return make_ok("versions", f"curate {facts.curate}, from a source tree")
    return make_ok("versions", f"curate {facts.curate}; {names}")


def judge_git(facts: GitFacts) -> Check:
    """Whether git is there, new enough, and able to clone partially."""
    install = f"Install git {show_version(MIN_GIT)} or newer, and put it on PATH."
    if not facts.version:
        return make_failure("git", facts.fault or "there is no git on PATH", install)
    found = f"{show_version(facts.version)} at {facts.path}"
    if facts.version[: len(MIN_GIT)] < MIN_GIT:
        return make_failure("git", f"{found}: too old", install)
    if not facts.can_clone_partially:
        text = f"{found}; it cannot clone partially ({facts.fault or 'unknown'})"
        return make_warning("git", text, "Update git, or clone mirrors completely.")
    return make_ok("git", f"{found}, clones partially")


def judge_git_host(host: str, fault: str, *, has_mirrors: bool) -> Check:
    """Whether git reaches *host*; *fault* is empty if so. Given mirrors make it less important."""
    if not fault:
        return make_ok("git-host", f"git reaches {host}")
    remedy = (
        "Check the network and git's proxy (git config --get http.proxy), or use mirrors that are"
        " here already: --mirrors-dir."
    )
    text = f"git does not reach {host}: {fault}"
    if has_mirrors:
        return make_warning("git-host", text, remedy)
    return make_failure("git-host", text, remedy, [Job.CRAWL])


def judge_uv(version: str, fault: str) -> Check:
    """Whether uv, which resolves and installs, can be run."""
    if fault:
        return make_failure("uv", fault, "Install it again: pip install uv", [Job.VALIDATE])
    return make_ok("uv", version)
