"""Editable installs as build backends make them, in environments of their own, offline."""

import importlib.metadata
import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

from curate.builders.model import BuiltInstance
from tests.helpers.lean_python import lean_site
from tests.helpers.sandbox_behaviours import lay_project

_BUILD = """
import importlib, sys
backend = importlib.import_module(sys.argv[1])
print("\\n" + backend.build_editable(sys.argv[2]))
"""


def install_editable(
    folder: Path, files: Mapping[str, str | bytes], backend: str = "setuptools.build_meta"
) -> BuiltInstance:
    """Make `checkout` and `venv` in *folder*; *backend* installs the checkout into the venv.

    The backend "develop" leaves what `setup.py develop` left. Pytest is that of this environment.
    """
    checkout, environment = folder / "checkout", folder / "venv"
    lay_project(checkout, files)
    venv.create(environment, with_pip=False, symlinks=True)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "zz_ours.pth").write_text(f"{lean_site('editables')}\n")
    if backend == "develop":
        _develop(checkout, site)
    else:
        command = [sys.executable, "-c", _BUILD, backend, str(folder)]
        made = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
        with zipfile.ZipFile(folder / made.stdout.splitlines()[-1]) as wheel:
            wheel.extractall(site)
        (metadata,) = site.glob("*.dist-info")
        url = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
        (metadata / "direct_url.json").write_text(json.dumps(url))
    exclude = checkout / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("*.egg-info\nbuild\n")
    return BuiltInstance(name="t", backend="local", handle=str(folder), environment_key="k")


def _develop(checkout: Path, site: Path) -> None:
    command = [sys.executable, "setup.py", "-q", "egg_info"]
    subprocess.run(command, cwd=checkout, capture_output=True, check=True)
    (metadata,) = checkout.rglob("*.egg-info")
    (name,) = {
        it.metadata["Name"] for it in importlib.metadata.distributions(path=[str(metadata.parent)])
    }
    root = metadata.parent
    (site / f"{name}.egg-link").write_text(f"{root}\n{'.' if root == checkout else '..'}")
    (site / "easy-install.pth").write_text(f"{root}\n")
