"""Every sentence that an error of the code prints, with the classes of the error.

Read from the source: calls of classes of errors, and `super().__init__` inside them. What is put
into a sentence is written as "…".
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("curate", "builders", "recipes")
USER_ERRORS = frozenset({"CurateError", "BuilderError", "RecipeError", "SourceError"})
VARIES = "…"
_UNNAMED = {"builders": "BuilderError", "curate": "CurateError", "recipes": "RecipeError"}
_BUILTIN = frozenset({"Exception", "OSError", "RuntimeError", "ValueError"})
# Raised inside, and caught before a user could see them; or replies, which have their own table.
_INTERNAL = frozenset({"ApiError"})


@dataclass(frozen=True, kw_only=True, order=True)
class PrintedError:
    """A sentence, and the hint that comes with it."""

    message: str  # "" if it is computed
    classes: tuple[str, ...]  # its own, then those above
    hint: str
    file: str


@cache
def list_printed_errors() -> tuple[PrintedError, ...]:
    """All of the code, sorted."""
    return tuple(sorted({each for path, tree in _sources() for each in _find_errors(path, tree)}))


@cache
def class_bases() -> Mapping[str, tuple[str, ...]]:
    """The first base of each class of the code that is an error of the user, and those above."""
    bases = {
        node.name: [getattr(it, "id", getattr(it, "attr", "")) for it in node.bases]
        for _, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def above(name: str) -> tuple[str, ...]:
        return (name, *(it for base in bases.get(name, ()) for it in above(base)))

    every = {name: above(name) for name in bases}
    return {name: it for name, it in every.items() if USER_ERRORS & {*it} and name not in _INTERNAL}


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT)
            if not (ROOT / folder / inner.parts[1]).is_symlink():
                yield inner, ast.parse(path.read_text(encoding="utf-8"))


def _find_errors(path: Path, tree: ast.Module) -> Iterator[PrintedError]:
    owners = {
        id(call): node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for call in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        hints = [it.value for it in node.keywords if it.arg == "hint"]
        if name == "__init__":
            name = owners.get(id(node), "")
        if name not in class_bases():
            if not hints or name not in {"kind", "raised"}:
                continue
            classes: tuple[str, ...] = (_UNNAMED[path.parts[0]],)
        else:
            classes = class_bases()[name]
        message = _text(node.args[0]) if node.args else ""
        hint = _text(hints[0]) if hints else ""
        yield PrintedError(message=message, classes=classes, hint=hint, file=str(path))


def _text(node: ast.expr) -> str:
    """A string as written; "" if it is computed as a whole."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (it.value if isinstance(it, ast.Constant) else VARIES for it in node.values)
        return "".join(map(str, parts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return "".join(_text(it) or VARIES for it in (node.left, node.right))
    return ""
