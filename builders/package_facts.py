"""Facts about PyPI packages that builds and locks depend on, read from `packages.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from packaging.utils import canonicalize_name


@dataclass(frozen=True, kw_only=True)
class PackageFacts:
    """The tables of `packages.toml`; distribution names are normalized (PEP 503)."""

    large_families: tuple[tuple[str, ...], ...]  # a distribution, then globs of those it pins
    dev_tool_names: frozenset[str]
    dev_tool_prefixes: tuple[str, ...]
    tool_libraries: Mapping[str, tuple[str, ...]]  # development tool -> modules that come with it
    oldest_numpy: Mapping[str, str]  # "3.8" -> oldest numpy version with wheels for it
    oldest_releases: Mapping[str, Mapping[str, str]]  # name -> "3.10" -> oldest that runs on it
    uploaded_again: Mapping[str, datetime]  # name -> when all its releases were re-uploaded
    wheel_of: Mapping[str, str]  # source-only name -> name of the same code as a binary wheel
    conda_names: Mapping[str, str]  # conda package -> distribution, where the names differ
    conda_not_python: frozenset[str]
    conda_not_python_globs: tuple[str, ...]
    conda_python: frozenset[str]  # distributions that these globs match

    def find_pypi_name(self, conda_name: str) -> str:
        """Return what PyPI calls a conda package, perhaps with extras; "" if PyPI has it not.

        PyPI has no programs, and libraries of other languages only by accident.
        """
        name = canonicalize_name(conda_name)
        if name in self.conda_names:
            return self.conda_names[name]
        is_foreign = conda_name.startswith("_") or any(
            fnmatchcase(name, glob) for glob in self.conda_not_python_globs
        )
        if name in self.conda_not_python or (is_foreign and name not in self.conda_python):
            return ""
        return conda_name


@cache
def load_package_facts() -> PackageFacts:
    """Read the `packages.toml` that ships with this package."""
    data = tomllib.loads(
        files("curate.builders").joinpath("packages.toml").read_text(encoding="utf-8")
    )
    return PackageFacts(
        large_families=tuple(map(tuple, data["large"])),
        dev_tool_names=frozenset(data["dev_tools"]["names"]),
        dev_tool_prefixes=tuple(data["dev_tools"]["prefixes"]),
        tool_libraries={name: tuple(it) for name, it in data["tool_libraries"].items()},
        oldest_numpy=data["oldest_numpy"],
        oldest_releases=data["oldest_releases"],
        uploaded_again=data["uploaded_again"],
        wheel_of=data["wheel_of"],
        conda_names=data["conda_names"],
        conda_not_python=frozenset(data["conda_not_python"]["names"]),
        conda_not_python_globs=tuple(data["conda_not_python"]["patterns"]),
        conda_python=frozenset(data["conda_not_python"]["except"]),
    )
