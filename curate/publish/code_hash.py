"""A hash of the code that makes rows: what it made before holds as long as this is the same."""

import hashlib
from functools import cache
from pathlib import Path

_CURATE = Path(__file__).resolve().parents[1]
_PACKAGES = ("publish", "harness", "releases", "patches", "core", "builders/pytest_plugin")
_SUFFIXES = frozenset({".py", ".toml", ".jinja"})


@cache
def compute_code_hash() -> str:
    """Return a hash of the files of all packages that rows and measures depend on."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        folder = _CURATE / package
        for path in sorted(it for it in folder.rglob("*") if it.suffix in _SUFFIXES):
            content = path.read_bytes()
            digest.update(f"{package}/{path.relative_to(folder)} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:32]


def hash_inputs(*inputs: object) -> str:
    """Return the hash of *inputs*, which have a stable `repr`, and of the code."""
    return hashlib.sha256(repr((compute_code_hash(), *inputs)).encode()).hexdigest()[:32]
