"""Compiles the packages of an environment, or takes their bytecode from a cache.

A script that runs alone inside a build, on the environment's own interpreter, 3.6 or later; it is
given the folder of the cache. All source files get one time, whoever installs them, so that the
bytecode of one environment counts in the next.
"""

import concurrent.futures
import csv
import hashlib
import importlib.util
import os
import py_compile
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

SECONDS = 946684800  # 2000-01-01, the time of every source file
# Not compiled, for nothing imports them but their own tests, or a user of the environment.
LEFT_OUT = "tests"
INSTALLER = "pip-"


def main(cache: str) -> None:
    """Compile all that is installed next to this interpreter."""
    site = Path(sysconfig.get_path("purelib"))
    folder = Path(cache, "bytecode", str(sys.implementation.cache_tag))
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for record in sorted(site.glob("*.dist-info/RECORD")):
        if record.parent.name.startswith(INSTALLER):
            continue
        sources, key = listed(site, record)
        archive = folder / (key + ".tar")
        if archive.exists():
            with tarfile.open(str(archive)) as tar:
                tar.extractall(str(site))
        else:
            missing.append((sources, archive))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        todo = [str(site / name) for sources, _ in missing for name in sources]
        list(pool.map(compiled, todo, chunksize=16))
    for sources, archive in missing:
        keep(site, sources, archive)


def listed(site: Path, record: Path) -> "tuple[list[str], str]":
    """Source files of one distribution that are worth compiling, and the hash of what they are."""
    with record.open(newline="", encoding="utf-8") as file:
        rows = sorted((row[0], row[1]) for row in csv.reader(file) if row[0].endswith(".py"))
    found = [
        (name, content)
        for name, content in rows
        if content and not name.startswith(("..", "/")) and LEFT_OUT not in name.split("/")[1:-1]
    ]
    names = [name for name, _ in found if (site / name).is_file()]
    for name in names:
        os.utime(str(site / name), (SECONDS, SECONDS))
    return names, hashlib.sha256(repr(found).encode()).hexdigest()


def compiled(path: str) -> None:
    """Compile one file unless it is none of this Python, as templates are."""
    try:
        py_compile.compile(path, doraise=True)
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError):
        return


def keep(site: Path, sources: "list[str]", archive: Path) -> None:
    """Keep the bytecode of *sources* as *archive*, in one move."""
    handle, scratch = tempfile.mkstemp(dir=str(archive.parent))
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name in sources:
            made = Path(importlib.util.cache_from_source(str(site / name)))
            if made.exists():
                tar.add(str(made), str(made.relative_to(site)))
    Path(scratch).replace(archive)


if __name__ == "__main__":
    main(sys.argv[1])
