"""TOML files that curate brings, or of the user."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError


def read_toml_data(name: str, built_in: Collection[str], folder: str = "data") -> dict[str, Any]:
    """The TOML file at the path *name*, or curate's own of that name where *built_in* has it."""
    try:
        return tomllib.loads(read_data_bytes(name, built_in, folder).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{name} is no TOML file: {error}.") from error


def read_data_bytes(name: str, built_in: Collection[str], folder: str = "data") -> bytes:
    """What `read_toml_data` reads."""
    try:
        if name in built_in:
            return files("curate.publish").joinpath(folder, f"{name}.toml").read_bytes()
        return Path(name).read_bytes()
    except OSError as error:
        hint = f"Name a TOML file or one of: {', '.join(built_in)}."
        raise ConfigurationError(f"There is no file {name}.", hint=hint) from error
