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

    The recipe says nothing of the interpreter, so curate takes the newest that the project named.
    Where the machine lacks it, a copy in *folder* names the one that runs the demo.
    """
    wanted = _newest_named()
    if os.environ.get("CURATE_PYTHON_INSTALL_DIR") or _installed(wanted):
        return SAMPLE, ""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder.mkdir(parents=True, exist_ok=True)
    for recipe in SAMPLE.glob("*__*.toml"):
        text = recipe.read_text(encoding="utf-8")
        changed = text.replace("[[env]]\n", f'[[env]]\npython = "{own}"\n')
        (folder / recipe.name).write_text(changed, encoding="utf-8")
    return folder, f"Python {wanted} is not on this machine: tests run on Python {own}."


def _newest_named() -> str:
    project = tomllib.loads((SAMPLE / "base" / "pyproject.toml").read_text(encoding="utf-8"))
    named = [it for it in project["project"]["classifiers"] if it.startswith(_CLASSIFIER)]
    return f"3.{max(int(it.removeprefix(_CLASSIFIER)) for it in named)}"


def _installed(python: str) -> bool:
    command = [find_uv(), "python", "find", "--no-project", "--no-python-downloads", python]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
