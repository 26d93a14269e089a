"""Which distribution or Debian package provides a module, fixture, option …: `providers.toml`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from packaging.utils import canonicalize_name


@dataclass(frozen=True, kw_only=True)
class Providers:
    """The tables of `providers.toml`; values are distributions or Debian packages."""

    modules: Mapping[str, tuple[str, ...]]
    namespaces: frozenset[str]
    backports: frozenset[str]  # modules of newer standard libraries
    fixtures: Mapping[str, tuple[str, ...]]
    options: Mapping[str, str]
    ini: Mapping[str, str]
    markers: Mapping[str, str]
    executables: Mapping[str, str]
    libraries: Mapping[str, str]

    def list_distributions(self, module: str) -> tuple[str, ...]:
        """Return distributions that may provide *module* ("a.b"), the likeliest first.

        Those of the table, then those that have its name or, for a namespace, that of the first
        parts of its name.
        """
        parts = module.split(".")
        dotted = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        for name in dotted:
            if name in self.modules:
                return self.modules[name]
        names = [name for name in dotted if "." in name] if self.is_namespace(module) else parts[:1]
        return tuple(dict.fromkeys(map(canonicalize_name, names)))

    def is_namespace(self, module: str) -> bool:
        """Whether the first part of *module* is shared by several distributions."""
        return module.partition(".")[0] in self.namespaces

    def find_option_plugin(self, option: str) -> str:
        """Return the plugin that defines *option* ("--cov=a", "-n 4"); "" if it is not known."""
        name = re.split(r"[= ]", option, maxsplit=1)[0]
        short = name[:2] if re.fullmatch(r"-n\w+", name) else name
        return self.options.get(name) or self.options.get(short, "")

    def find_library_package(self, library: str) -> str:
        """Return the Debian package of *library* ("libGL.so.1", "cairo-2"); "" if not known."""
        stem = re.sub(r"\.so(\.[\d.]+)?$", "", library)
        stem = stem if stem.startswith("lib") else f"lib{stem}"
        while stem not in self.libraries and (shorter := re.sub(r"[-.]\d+$", "", stem)) != stem:
            stem = shorter
        return self.libraries.get(stem, "")


@cache
def load_providers() -> Providers:
    """Read the `providers.toml` that ships with this package."""
    path = files("curate.environments").joinpath("providers.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Providers(
        modules={name: tuple(found) for name, found in data["modules"].items()},
        namespaces=frozenset(data["namespaces"]["names"]),
        backports=frozenset(data["backports"]["names"]),
        fixtures={name: tuple(found) for name, found in data["fixtures"].items()},
        options=data["options"],
        ini=data["ini"],
        markers=data["markers"],
        executables=data["executables"],
        libraries=data["libraries"],
    )
