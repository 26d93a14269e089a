"""How an environment gets the packages of its lock: the same commands for both backends.

What has a wheel is installed first. Then each source distribution is built by itself
(`curate.builders.images.build_sdist`), with the build tools of its own date, which are those that
its author used; if these do not work, with those of the lock's cutoff, then with later ones.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from curate.builders.images import build_sdist
from curate.builders.lock.archives import unpacked_folder
from curate.builders.lock.dates import tool_dates
from curate.builders.model import RequirementsLock
from curate.builders.rfc3339 import format_rfc3339
from curate.builders.settings import BuildSettings

SDIST_BUILDER = Path(build_sdist.__file__)


def render_wheel_lock(lock: RequirementsLock) -> str:
    """Return the text of *lock* without the packages that are built one by one."""
    if not lock.sdists:
        return lock.text
    lines = [line for line in lock.text.splitlines() if line[:1].strip() not in ("", "#")]
    return "".join(f"{line}\n" for line in lines if line.split(" ")[0] not in lock.sdists)


def sdist_commands(lock: RequirementsLock, program: str, options: Sequence[str]) -> list[str]:
    """Return a shell command for each source distribution of *lock*, in the order of the lock.

    Args:
        lock: The packages.
        program: Command that runs the script with the environment's interpreter, and uv.
        options: More options of the script.
    """
    return [
        f"{program} {package} {_join_dates(lock, package)} {shlex.join(options)}".strip()
        for package in lock.packages
        if package in lock.sdists
    ]


def pytest_commands(lock: RequirementsLock, venv: str) -> list[str]:
    """Return commands that name the program of pytest before 3.0, `py.test`, as later ones do."""
    pins = [package for package in lock.packages if package.startswith("pytest==")]
    if not pins or Version(pins[0].partition("==")[2]) >= Version("3.0"):
        return []
    return [f"ln -sf py.test {shlex.quote(venv)}/bin/pytest"]


def find_archives(lock: RequirementsLock, settings: BuildSettings) -> list[Path]:
    """Return the repacked source distributions of *lock*, downloaded where they are missing."""
    folders = [unpacked_folder(archive, settings) for archive in lock.archives]
    return [path for folder in folders for path in sorted(folder.glob("*.tar.gz"))]


def describe_builds(record: str, lock: RequirementsLock) -> tuple[str, ...]:
    """Return a sentence for each line of the *record* that is not of the sdist's own date."""
    sentences = []
    for package, tools in (line.split(" ") for line in record.splitlines()):
        if package in lock.sdists and tools != _join_dates(lock, package).split(",")[0]:
            name, version = package.split("==")
            with_tools = f"with build tools of {tools[:10]}: those of its own date did not build it"
            without = "in the environment itself: no isolated build worked"
            how = without if tools == build_sdist.ENVIRONMENT else with_tools
            sentences.append(f"built {name} {version} {how}")
    return tuple(sentences)


def _join_dates(lock: RequirementsLock, package: str) -> str:
    dates = tool_dates(lock.sdists[package], lock.exclude_newer)
    return ",".join(format_rfc3339(date) for date in dates)
