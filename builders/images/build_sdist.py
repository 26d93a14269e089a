"""Build and install one source distribution with the build tools of the first date that works.

A standalone script, run in a build by the environment's own interpreter (3.6 or later):
`python -I build_sdist.py UV PACKAGE DATES [--constraint FILE] [OPTION...]`. PACKAGE is
`name==version`, DATES are RFC 3339, joined by commas. If none works, builds without the constraint
are tried, and at last one in the environment itself, for a setup script that imports what it does
not ask for. What worked is noted in the environment.

uv's cache keeps a wheel for each set of tools and each minor version of Python, so what is in the
cache does not change a result: tools may build on one interpreter and not start on another.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

RECORD = "curate-builds.txt"  # in the environment; lines of package and date
ENVIRONMENT = "environment"  # in place of a date: built without isolation


def main() -> None:
    """Install the package and note how, or fail after the output of all attempts."""
    uv, package, dates, *options = sys.argv[1:]
    bound = ""
    if options[:1] == ["--constraint"]:
        bound, options = options[1], options[2:]
    for date, tools, limits in list_attempts(package, dates.split(","), bound):
        if run_uv([uv, "pip", "install", *limits, *options], package, tools):
            with Path(sys.prefix, RECORD).open("a") as record:
                record.write(f"{package} {date}\n")
            return
    sys.exit(1)


def list_attempts(
    package: str, dates: "Sequence[str]", bound: str
) -> "Iterator[tuple[str, str, list[str]]]":
    """Yield date, name of the set of build tools, and uv's options, of each attempt."""
    if bound:
        limit = Path(bound).read_text().strip()
        limited = limit.partition("<")[0]
        if limited != package.partition("=")[0]:
            # An old version without a wheel would be built for minutes.
            options = ["--build-constraints", bound, "--no-build-package", limited]
            for date in dates:
                yield date, f"{date} {limit}", [*options, "--exclude-newer", date]
    for date in dates:
        yield date, date, ["--exclude-newer", date]
    yield ENVIRONMENT, f"{ENVIRONMENT} {hash_environment()}", ["--no-build-isolation"]


def hash_environment() -> str:
    """Return a hash of the names and versions of what is installed."""
    folders = [folder for folder in map(Path, sys.path) if folder.is_dir()]
    names = {path.name for folder in folders for path in folder.iterdir()}
    found = sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def run_uv(command: "Sequence[str]", package: str, tools: str) -> bool:
    """Install *package*; builds with other *tools* or interpreters are kept apart in uv's cache."""
    variables = {name: text for name, text in os.environ.items() if name != "UV_NO_CONFIG"}
    name = package.partition("=")[0]
    tools = f"{tools} on {sys.version_info[0]}.{sys.version_info[1]}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "uv.toml")
        text = f'[extra-build-variables]\n"{name}" = {{CURATE_BUILD_TOOLS = "{tools}"}}\n'
        config.write_text(text)
        options = ["--config-file", str(config), "--python", sys.executable, "--no-deps", package]
        return subprocess.call([*command, *options], env=variables) == 0


if __name__ == "__main__":
    main()
