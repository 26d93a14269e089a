"""TOML files that curate brings, or of the user."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.core.errors import BadInput


def read_data(name: str, own: Collection[str], folder: str = "data") -> dict[str, Any]:
    """The TOML file at the path *name*, or curate's own of that name where *own* has it."""
    try:
        return tomllib.loads(read_bytes(name, own, folder).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{name} is no TOML file: {error}.") from error


def read_bytes(name: str, own: Collection[str], folder: str = "data") -> bytes:
    """What `read_data` reads."""
    try:
        if name in own:
            return files("curate.publish").joinpath(folder, f"{name}.toml").read_bytes()
        return Path(name).read_bytes()
    except OSError as error:
        hint = f"Name a TOML file or one of: {', '.join(own)}."
        raise BadInput(f"There is no file {name}.", hint=hint) from error
