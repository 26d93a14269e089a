"""Python files as they are parsed: lines, syntax tree, classes and functions."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from curate.patches.lines import split_lines
from curate.process_data.file_text import decode_file

MAX_BYTES = 2_000_000  # larger files are data in Python's clothes, and take minutes to parse
_LONE_RETURN = re.compile(r"\r(?!\n)")

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class CodeUnit:
    """A class or function with its decorators; lines are counted from 1, the last included."""

    name: str  # with the names of all around it: "Outer.method.inner"
    kind: str  # "class" or "function"
    classes: tuple[str, ...]  # names of the classes around it, outermost first
    functions: tuple[str, ...]  # names of the functions around it, outermost first
    start: int
    header: int  # line of `class` or `def`
    end: int


@dataclass(frozen=True, kw_only=True)
class PythonSource:
    """A file that Python can parse."""

    lines: tuple[str, ...]
    tree: ast.Module
    units: tuple[CodeUnit, ...]  # by first line; what is around others comes before them


@dataclass(frozen=True, kw_only=True)
class UnparsedSource:
    """A file that has no syntax tree, and why."""

    reason: str  # "too-large", "not-text", "carriage-returns", "syntax-error" or "too-deep"
    line: int | None = None


def parse_source(content: bytes) -> PythonSource | UnparsedSource:
    """Parse a file by the grammar of the running Python."""
    if len(content) > MAX_BYTES:
        return UnparsedSource(reason="too-large")
    decoded = decode_file(content)
    if decoded is None:
        return UnparsedSource(reason="not-text")
    if _LONE_RETURN.search(decoded.text):  # a new line for Python, but not for git
        return UnparsedSource(reason="carriage-returns")
    return parse_text(decoded.text)


def parse_text(text: str) -> PythonSource | UnparsedSource:
    """Like `parse_source`, for text whose lines end as git counts them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.removeprefix("\ufeff"))
        units = tuple(_iter_units(tree))
    except (RecursionError, MemoryError):
        return UnparsedSource(reason="too-deep")
    except SyntaxError as error:
        return UnparsedSource(reason="syntax-error", line=error.lineno)
    except ValueError:  # a zero byte
        return UnparsedSource(reason="not-text")
    return PythonSource(lines=tuple(split_lines(text)), tree=tree, units=units)


def first_line(node: Definition) -> int:
    """Return the line of the first decorator, or of `class` or `def`."""
    return min([node.lineno, *(it.lineno for it in node.decorator_list)])


def _iter_units(tree: ast.Module) -> Iterator[CodeUnit]:
    """Yield units without recursion, which long chains of `elif` would exhaust."""
    stack: list[tuple[ast.AST, tuple[CodeUnit, ...]]] = [(tree, ())]
    while stack:
        node, around = stack.pop()
        if isinstance(node, Definition):
            unit = _make_unit(node, around)
            yield unit
            around = (*around, unit)
        stack.extend((child, around) for child in reversed(_list_statements(node)))


def _list_statements(node: ast.AST) -> list[ast.AST]:
    """Return what may hold definitions: statements, handlers of exceptions, cases of a match."""
    kinds = (ast.stmt, ast.excepthandler, ast.match_case)
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, kinds)]


def _make_unit(node: Definition, around: tuple[CodeUnit, ...]) -> CodeUnit:
    names = [*(unit.name.rpartition(".")[2] for unit in around), node.name]
    kinds = [unit.kind for unit in around]
    return CodeUnit(
        name=".".join(names),
        kind="class" if isinstance(node, ast.ClassDef) else "function",
        classes=tuple(name for name, kind in zip(names, kinds, strict=False) if kind == "class"),
        functions=tuple(
            name for name, kind in zip(names, kinds, strict=False) if kind == "function"
        ),
        start=first_line(node),
        header=node.lineno,
        end=node.end_lineno or node.lineno,
    )
