"""Which Python the local sandbox of the demo takes, so that none has to be downloaded."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from curate.builders.python.install import find_uv
from tests.demo.sample import SAMPLE

_CLASSIFIER = "Programming Language :: Python :: 3."


def recipes_for_this_machine(folder: Path) -> tuple[Path, str]:
    """Folder of the sample's recipe, and a sentence where it is another than data/sample's.

    The recipe says nothing of the interpreter, so curate takes the newest that the project named,
    and tries others where that verifies nothing. Where the machine lacks one, a copy in *folder*
    names the newest, or else the one that runs the demo.
    """
    named = _list_named()
    if os.environ.get("CURATE_PYTHON_INSTALL_DIR") or all(map(_installed, named)):
        return SAMPLE, ""
    wanted, own = named[0], f"{sys.version_info.major}.{sys.version_info.minor}"
    taken = wanted if _installed(wanted) else own
    folder.mkdir(parents=True, exist_ok=True)
    for recipe in SAMPLE.glob("*__*.toml"):
        text = recipe.read_text(encoding="utf-8")
        changed = text.replace("[[env]]\n", f'[[env]]\npython = "{taken}"\n')
        (folder / recipe.name).write_text(changed, encoding="utf-8")
    if taken == wanted:
        return folder, ""
    return folder, f"Python {wanted} is not on this machine: tests run on Python {own}."


def _list_named() -> list[str]:
    """Return the versions that the project names, newest first."""
    project = tomllib.loads((SAMPLE / "base" / "pyproject.toml").read_text(encoding="utf-8"))
    named = [it for it in project["project"]["classifiers"] if it.startswith(_CLASSIFIER)]
    minors = sorted((int(it.removeprefix(_CLASSIFIER)) for it in named), reverse=True)
    return [f"3.{minor}" for minor in minors]


def _installed(python: str) -> bool:
    command = [find_uv(), "python", "find", "--no-project", "--no-python-downloads", python]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
