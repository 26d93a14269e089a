"""The files that the steps of an instance's Dockerfiles read, to be published as text.

What is no text is named: the versions of uv and CPython, and the commits of checkouts. They are of
the folder that is mounted at /mnt, but for `python.dockerignore`.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from curate.builders.images import dockerfiles
from curate.builders.images.install_packages import SDIST_BUILDER, render_wheel_lock
from curate.builders.images.install_script import render_install_script
from curate.builders.images.plan import BYTECODE_COMPILER, ImagePlan
from curate.builders.lock import repack_sdist

SDIST_REPACKER = Path(repack_sdist.__file__)
_FULL_VERSION = re.compile(r"\d+\.\d+\.\d+")


def list_build_files(plan: ImagePlan) -> Mapping[str, str]:
    """Return name -> text of the files; those that no step reads are left out."""
    spec = plan.spec
    found = _FULL_VERSION.search(plan.prefix.name)
    moved = [
        f"step-{number}.pack {older} {commit} {path}"
        for number, (path, (older, commit)) in enumerate(sorted(spec.moved_submodules.items()))
    ]
    files = {
        "uv.version": find_uv_version(),
        "python.version": found[0] if found else spec.python,
        "python.dockerignore": dockerfiles.render_python_dockerignore(spec.python),
        "checkout.commit": spec.checkout_layer_commit or spec.base_commit,
        "submodules": "".join(f"{path}\n" for path in sorted(spec.submodules)),
        "submodule.steps": "".join(f"{line}\n" for line in moved),
        "build.env": dockerfiles.render_build_env(ca_bundle=False, index_url=""),
        "lock.txt": render_wheel_lock(spec.lock),
        "archives": "".join(f"{it.sha256} {it.filename} {it.url}\n" for it in spec.lock.archives),
        "repack_sdist.py": SDIST_REPACKER.read_text() if spec.lock.archives else "",
        "compile_bytecode.py": BYTECODE_COMPILER.read_text(),
        "build_sdist.py": SDIST_BUILDER.read_text() if spec.lock.sdists else "",
        "install.sh": render_install_script(spec),
    }
    return {name: text for name, text in files.items() if text}


@cache
def find_uv_version() -> str:
    """Return the version of the uv that builds."""
    return version("uv")
