"""A hash of the code that makes rows: what it made before holds as long as this is the same."""

import hashlib
from functools import cache
from pathlib import Path

_CURATE = Path(__file__).resolve().parents[1]
_PACKAGES = ("publish", "harness", "releases", "patches", "core", "builders/pytest_plugin")
_FILES = ("builders/model.py",)  # the user and variables of evaluation scripts
_SUFFIXES = frozenset({".py", ".toml", ".jinja"})


@cache
def compute_code_hash() -> str:
    """Return a hash of all files that rows and measures depend on."""
    digest = hashlib.sha256()
    for path in (*map(_CURATE.joinpath, _FILES), *_list_package_files()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_CURATE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _list_package_files() -> list[Path]:
    folders = map(_CURATE.joinpath, _PACKAGES)
    return [
        path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES
    ]


def hash_inputs(*inputs: object) -> str:
    """Return the hash of *inputs*, which have a stable `repr`, and of the code."""
    return hashlib.sha256(repr((compute_code_hash(), *inputs)).encode()).hexdigest()[:32]
