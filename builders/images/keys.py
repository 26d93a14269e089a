"""Keys of environments and instances: hashes of all that decides their content, and their locks."""

import platform

from builders.images.install_script import render_install_script
from builders.model import InstanceSpec
from builders.process.digest import content_hash


def compute_environment_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash of what an environment consists of: equal keys, equal environments.

    *texts* are what the backend adds to python, packages, system packages and architecture.
    """
    packages = sorted(spec.lock.packages)
    return content_hash(
        spec.python, packages, sorted(spec.system_packages), platform.machine(), *texts
    )


def compute_instance_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash of what an instance adds to its environment."""
    submodules = sorted(spec.submodules)
    return content_hash(
        spec.repo, spec.base_commit, submodules, render_install_script(spec), *texts
    )


def safe_name(name: str) -> str:
    """*name* as part of an image tag or folder: lower case, at most 90 of the characters legal."""
    cleaned = "".join(
        each if each.isascii() and (each.isalnum() or each in "._-") else "-"
        for each in name.lower()
    )
    return cleaned[:90].lstrip(".-")
