"""TOML files: built into curate, or the user's own."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError
from curate.core.files import parse_toml, require_ordinary_file
from curate.core.near_words import suggest_word


def read_toml_data(name: str, built_in: Collection[str], folder: str = "data") -> dict[str, Any]:
    """Read the built-in TOML file *name* if it is in *built_in*, else the file at that path.

    Raises ConfigurationError if the file is missing or invalid.
    """
    try:
        return parse_toml(read_data_bytes(name, built_in, folder).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{name} is not a valid TOML file: {error}.",
            hint=f"Pass a TOML file in UTF-8, or one of: {', '.join(built_in)}.",
        ) from error


def read_data_bytes(name: str, built_in: Collection[str], folder: str = "data") -> bytes:
    """Return the bytes of the file that `read_toml_data` reads."""
    try:
        if name in built_in:
            return files("curate.publish").joinpath(folder, f"{name}.toml").read_bytes()
        require_ordinary_file(Path(name))
        return Path(name).read_bytes()
    except PermissionError:
        raise
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        reason = "not found" if is_missing else f"cannot be read: {error.strerror}"
        hint = f"Pass the path of a TOML file, or one of: {', '.join(built_in)}."
        hint = f"{suggest_word(name, built_in)} {hint}".strip()
        raise ConfigurationError(f"File {name} {reason}.", hint=hint) from error
