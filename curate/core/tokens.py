"""Counting tokens by a named tokenizer, or estimating them."""

import hashlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.files import require_ordinary_file

ESTIMATE = "estimate"
BYTES_PER_TOKEN = 3  # cautious: code has 3 to 4 bytes a token in the vocabularies of 2024 to 2026

CountTokens = Callable[[str], int]


def make_token_counter(name: str) -> CountTokens:
    """Return what counts the tokens of a text.

    *name* is `ESTIMATE`, the path of a tokenizer.json or its directory, or OWNER/NAME on the Hub.
    Raises ConfigurationError if the package that reads it is missing, or it is none;
    NotFoundError if there is none.
    """
    if name == ESTIMATE:
        return estimate_tokens
    try:
        loader = import_module("tokenizers").Tokenizer
    except ImportError as error:
        raise ConfigurationError(
            f"The tokenizer {name} needs the package tokenizers.",
            hint=f"Run: pip install tokenizers; or leave --tokenizer out for an {ESTIMATE}.",
        ) from error
    tokenizer = _load(loader, name)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def estimate_tokens(text: str) -> int:
    """Return a third of the UTF-8 bytes of *text*, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def describe_tokenizer(name: str) -> str:
    """Return the name that records carry: an estimate says so."""
    return f"estimate: UTF-8 bytes / {BYTES_PER_TOKEN}" if name == ESTIMATE else name


def identify_tokenizer(name: str) -> str:
    """Return the SHA-256 of the file of a tokenizer; "" for an estimate or a name on the Hub."""
    file = _find_file(name)
    if name == ESTIMATE or not file.is_file():
        return ""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _find_file(name: str) -> Path:
    path = Path(name)
    return path / "tokenizer.json" if path.is_dir() else path


def _load(loader: Any, name: str) -> Any:
    file = _find_file(name)
    try:
        if file.exists():
            require_ordinary_file(file)
            return loader.from_file(str(file))
        return loader.from_pretrained(name)
    except OSError:
        raise
    except Exception as error:  # the package raises Exception itself
        raise NotFoundError(
            f"No tokenizer {name}: {str(error)[:200]}",
            hint="Pass a tokenizer.json, or OWNER/NAME on the Hub.",
        ) from error
