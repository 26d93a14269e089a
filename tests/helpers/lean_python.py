"""Virtual environments with pytest and no plugin beside it that would take longer to load."""

import atexit
import importlib.metadata
import shutil
import tempfile
import venv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement


@cache
def make_lean_environment(*plugins: str) -> Path:
    """Return the folder of an environment with pytest and *plugins*, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="curate-lean-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    venv.create(folder, with_pip=False, symlinks=True)
    site = _find_site(folder)
    names = {"pytest", *plugins}.union(*map(_list_requirements, ("pytest", *plugins)))
    for path in {path for name in names for path in _list_top_level(name)}:
        (site / path.name).symlink_to(path)
    return folder


def lean_site(*plugins: str) -> Path:
    """Return the folder of packages of the one with *plugins*."""
    return _find_site(make_lean_environment(*plugins))


def lean_python(*plugins: str) -> str:
    """Return the path of the interpreter of one with *plugins*."""
    return str(make_lean_environment(*plugins) / "bin" / "python")


def _find_site(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def _list_requirements(name: str) -> set[str]:
    """The distribution *name* and all that it requires here."""
    required = map(Requirement, importlib.metadata.requires(name) or ())
    here = [it for it in required if it.marker is None or it.marker.evaluate({"extra": ""})]
    return {name}.union(*(_list_requirements(it.name) for it in here))


def _list_top_level(name: str) -> Iterator[Path]:
    """Packages, modules and metadata of the distribution *name* in their site-packages."""
    distribution = importlib.metadata.distribution(name)
    for top in {it.parts[0] for it in distribution.files or ()} - {"..", "__pycache__"}:
        yield Path(str(distribution.locate_file(top))).resolve()
