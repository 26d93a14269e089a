"""Other interpreters that a project declares, tried where the chosen one fails."""

import re
from collections.abc import Iterable, Sequence

from curate.builders.git.tree import FileTree
from curate.builders.python.choose import list_supported_pythons
from curate.builders.requirements.text import decode_text
from curate.environments.variants import RequirementsVariant

_FILES = ("tox.ini", "setup.cfg", "noxfile.py", ".travis.yml", "appveyor.yml", "pyproject.toml")
_WORKFLOWS = ".github/workflows"
_VERSION = re.compile(r"\bpy-?3\.?(\d{1,2})\b|(?<![\w.])(?<!pypy-)3\.(\d{1,2})(?![.\d]|-dev)")
_FACTORS = re.compile(r"\bpy\{([^}]*)\}")


def list_other_pythons(
    variant: RequirementsVariant, tree: FileTree, available: Sequence[str]
) -> tuple[str, ...]:
    """Return the declared versions next to that of *variant*: a newer one, then an older one."""
    supported = list_supported_pythons(
        variant.manifest,
        named=list_named_pythons(_read_texts(tree)),
        as_of=variant.date,
        available=available,
    )
    current = _minor(variant.python)
    newer = [name for name in supported if _minor(name) > current]
    earlier = [name for name in reversed(supported) if _minor(name) < current]
    return (*newer[:1], *earlier[:1])


def list_named_pythons(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the versions of Python 3 that *texts* of tox and CI files name, ascending."""
    found = set[int]()
    for text in texts:
        factors = ",".join(_FACTORS.findall(text)).split(",")
        named = re.sub(r"(\S+)", r"py\1 ", " ".join(factors))
        found |= {int(a or b) for a, b in _VERSION.findall(f"{text}\n{named}")}
    return tuple(f"3.{minor}" for minor in sorted(found))


def _read_texts(tree: FileTree) -> list[str]:
    workflows = [f"{_WORKFLOWS}/{name}" for name in tree.list_names(_WORKFLOWS)]
    return [decode_text(tree.read(path) or b"") for path in (*_FILES, *workflows)]


def _minor(python: str) -> int:
    return int(python.partition(".")[2])
