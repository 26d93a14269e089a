"""Compile the packages of an environment to bytecode, or copy it from a cache.

A standalone script, run in a build by the environment's own interpreter (3.6 or later) with the
cache folder as argument. All source files get the same modification time, so that the cached
bytecode is valid in every environment. Files that a lower layer has compiled are left untouched.
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

SOURCE_MTIME = 946684800  # 2000-01-01, modification time of every source file
# Not compiled: only their own tests import test folders, only users of the environment run pip.
EXCLUDED_FOLDER = "tests"
EXCLUDED_DISTRIBUTION = "pip-"


def main(cache: str) -> None:
    """Compile all packages that are installed for this interpreter."""
    site = Path(sysconfig.get_path("purelib"))
    folder = Path(cache, "bytecode", str(sys.implementation.cache_tag))
    missing = []
    for name, key in find_sources(site):
        source = site / name
        compiled = Path(importlib.util.cache_from_source(str(source)))
        if source.stat().st_mtime == SOURCE_MTIME and compiled.exists():
            continue
        os.utime(str(source), (SOURCE_MTIME, SOURCE_MTIME))
        cached = folder / key[:2] / key
        if cached.exists():
            compiled.parent.mkdir(exist_ok=True)
            shutil.copyfile(str(cached), str(compiled))
        else:
            missing.append((str(source), compiled, cached))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        list(pool.map(compile_file, [source for source, _, _ in missing], chunksize=16))
    for _, compiled, cached in missing:
        add_to_cache(compiled, cached)


def find_sources(site: Path) -> "list[tuple[str, str]]":
    """Return the files below *site* to compile, each with a hash of its path and content."""
    found = {}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        if record.parent.name.startswith(EXCLUDED_DISTRIBUTION):
            continue
        with record.open(newline="", encoding="utf-8") as file:
            rows = [row[:2] for row in csv.reader(file) if row and row[0].endswith(".py")]
        for name, digest in rows:
            is_below = not name.startswith(("..", "/"))
            is_wanted = is_below and EXCLUDED_FOLDER not in name.split("/")[1:-1]
            if digest and is_wanted and (site / name).is_file():
                found[name] = hashlib.sha256((name + "=" + digest).encode()).hexdigest()
    return sorted(found.items())


def compile_file(path: str) -> None:
    """Compile one file; ignore those that are not valid for this Python, such as templates."""
    try:
        py_compile.compile(path, doraise=True)
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError):
        return


def add_to_cache(compiled: Path, cached: Path) -> None:
    """Copy the bytecode *compiled*, if it exists, to *cached* atomically."""
    if compiled.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_name(os.urandom(8).hex())
        shutil.copyfile(str(compiled), str(partial))
        partial.replace(cached)


if __name__ == "__main__":
    main(sys.argv[1])
