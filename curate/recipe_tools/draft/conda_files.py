"""Which of the conda environments that CI uses at one commit is the usual one for each Python."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.builders.git.tree import FileTree
from curate.builders.requirements.conda_env import read_conda


@dataclass(frozen=True, kw_only=True)
class _Environment:
    path: str
    python: str  # that it pins; "" for none
    free: int  # packages without an exact version
    pinned: int


def choose_environments(tree: FileTree, files: Mapping[str, str]) -> dict[str, str]:
    """Return *files* (path -> origin) with one conda environment for each Python that they pin.

    Environments that pin the same Python are alternatives: with old versions, or without optional
    packages. Taken is that with the most packages, where each exact version counts against it.
    Files that pin no Python may go together, and stay.
    """
    environments = [_read_environment(tree, path) for path in files]
    unusual: set[str] = set()
    for python in {it.python for it in environments} - {""}:
        same = [it for it in environments if it.python == python]
        usual = min(same, key=lambda it: (it.pinned - it.free, len(it.path), it.path))
        unusual |= {it.path for it in same if it is not usual}
    return {path: origin for path, origin in files.items() if path not in unusual}


def _read_environment(tree: FileTree, path: str) -> _Environment:
    if not path.endswith((".yml", ".yaml")) or "*" in path:
        return _Environment(path=path, python="", free=0, pinned=0)
    contents = read_conda(tree, path)
    pinned = sum("==" in line for line, _ in contents.lines)
    free = len(contents.lines) - pinned
    return _Environment(path=path, python=contents.python, free=free, pinned=pinned)
