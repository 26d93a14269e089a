"""Keys of environments and instances: hashes of everything that determines their content."""

import platform

from curate.builders.images.install_script import render_install_script
from curate.builders.model import InstanceSpec
from curate.builders.process.digest import content_hash


def compute_environment_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash the inputs of an environment; environments with equal keys are equal.

    *texts* are inputs of the backend, besides Python version, packages, system packages and
    architecture.
    """
    packages = sorted(spec.lock.packages)
    return content_hash(
        spec.python, packages, sorted(spec.system_packages), platform.machine(), *texts
    )


def compute_instance_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash what an instance adds to its environment; *texts* are inputs of the backend."""
    submodules = sorted(spec.submodules)
    return content_hash(
        spec.repo, spec.base_commit, submodules, render_install_script(spec), *texts
    )


def safe_name(name: str) -> str:
    """Return *name* in a form that is valid in image tags: lower case, at most 90 characters."""
    cleaned = "".join(
        char if char.isascii() and (char.isalnum() or char in "._-") else "-"
        for char in name.lower()
    )
    return cleaned[:90].lstrip(".-") or "instance"
