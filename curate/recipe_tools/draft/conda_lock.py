"""Lock files of conda: what they were made from, as what a lock pins is not of PyPI."""

import re
from posixpath import basename, dirname, join, normpath

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

_UNIFIED = re.compile(r"(?:^|[-_.])lock\.ya?ml$")
_EXPLICIT = re.compile(r"^(.+?)(?:-(?:linux|osx|win)-\w+)?\.lock$")
_SOURCES = re.compile(r"^ *sources:\s*\n((?: *- .+\n)+)", re.MULTILINE)


def list_sources(tree: FileTree, path: str) -> list[str]:
    """Return the files from which the conda lock *path* was made; other files as they are."""
    unified, explicit = _UNIFIED.search(path), _EXPLICIT.match(basename(path))
    if unified:
        found = _SOURCES.search(decode_text(tree.read(path) or b""))
        names = re.findall(r"- +['\"]?([^'\"\s]+)", found[1]) if found else ["environment.yml"]
        return [normpath(join(dirname(path), name)) for name in names]
    if explicit:
        folders = (dirname(path), dirname(dirname(path)))
        names = [f"{stem}.{it}" for stem in (explicit[1], "environment") for it in ("yml", "yaml")]
        sources = [join(folder, name) for folder in folders for name in names]
        return [it for it in sources if tree.read(it) is not None][:1]
    return [path]
