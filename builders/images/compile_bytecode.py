"""Compiles the packages of an environment, or takes their bytecode from a cache.

A script that runs alone inside a build, on the environment's own interpreter, 3.6 or later; it is
given the folder of the cache. All source files get one time, whoever installs them, so that the
bytecode of one environment counts in the next. What a lower layer has done is left untouched.
"""

import concurrent.futures
import csv
import hashlib
import importlib.util
import os
import py_compile
import shutil
import sys
import sysconfig
from pathlib import Path

SECONDS = 946684800  # 2000-01-01, the time of every source file
# Not compiled, for nothing imports them but their own tests, or a user of the environment.
LEFT_OUT = "tests"
INSTALLER = "pip-"


def main(cache: str) -> None:
    """Compile all that is installed next to this interpreter."""
    site = Path(sysconfig.get_path("purelib"))
    folder = Path(cache, "bytecode", str(sys.implementation.cache_tag))
    missing = []
    for name, content in find_sources(site):
        source = site / name
        made = Path(importlib.util.cache_from_source(str(source)))
        if source.stat().st_mtime == SECONDS and made.exists():
            continue
        os.utime(str(source), (SECONDS, SECONDS))
        cached = folder / content[:2] / content
        if cached.exists():
            made.parent.mkdir(exist_ok=True)
            shutil.copyfile(str(cached), str(made))
        else:
            missing.append((str(source), made, cached))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        list(pool.map(compile_file, [source for source, _, _ in missing], chunksize=16))
    for _, made, cached in missing:
        move_to_cache(made, cached)


def find_sources(site: Path) -> "list[tuple[str, str]]":
    """Files below *site* that are worth compiling, each with a hash of its path and content."""
    found = {}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        if record.parent.name.startswith(INSTALLER):
            continue
        with record.open(newline="", encoding="utf-8") as file:
            rows = [row[:2] for row in csv.reader(file) if row and row[0].endswith(".py")]
        for name, content in rows:
            inside = not name.startswith(("..", "/")) and LEFT_OUT not in name.split("/")[1:-1]
            if content and inside and (site / name).is_file():
                found[name] = hashlib.sha256((name + "=" + content).encode()).hexdigest()
    return sorted(found.items())


def compile_file(path: str) -> None:
    """Compile one file unless it is none of this Python, as templates are."""
    try:
        py_compile.compile(path, doraise=True)
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError):
        return


def move_to_cache(compiled: Path, cached: Path) -> None:
    """Keep the bytecode *compiled*, if there is any, as *cached*, in one move."""
    if compiled.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        scratch = cached.with_name(os.urandom(8).hex())
        shutil.copyfile(str(compiled), str(scratch))
        scratch.replace(cached)


if __name__ == "__main__":
    main(sys.argv[1])
