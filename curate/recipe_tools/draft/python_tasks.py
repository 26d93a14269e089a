"""Jobs in Python files: sessions of nox (noxfile.py) and tasks of invoke (tasks.py)."""

import ast
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import read_commands

_UNKNOWN = "${}"  # stands for an argument that is only known at run time
_RUN = frozenset({"run", "run_always", "run_install"})
_INSTALL = frozenset({"install", "conda_install"})
_MAX_DEPTH = 4  # functions that call functions


def find_nox_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every session; functions that it calls with the session are followed."""
    yield from _find_jobs(tree, "noxfile.py", "session")


def find_invoke_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every task."""
    yield from _find_jobs(tree, "tasks.py", "task")


def _find_jobs(tree: FileTree, path: str, decorator: str) -> Iterator[CIJob]:
    try:
        module = ast.parse(tree.read(path) or b"")
    except (SyntaxError, ValueError, RecursionError):
        return
    functions = {it.name: it for it in module.body if isinstance(it, ast.FunctionDef)}
    values = _read_constants(module)
    for function in functions.values():
        if any(decorator in ast.unparse(it) for it in function.decorator_list):
            lines = _list_commands(function, functions, values, is_shell=decorator == "task")
            found = read_commands("\n".join(lines), tree)
            yield CIJob(origin=path, findings=found, name=_session_name(function))


def _session_name(function: ast.FunctionDef) -> str:
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return function.name


def _read_constants(node: ast.Module | ast.FunctionDef) -> dict[str, Any]:
    """Return the variables of *node* that are assigned texts or lists of them."""
    values: dict[str, Any] = {}
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(statement, ast.Assign):
                values[target.id] = list(_resolve(statement.value, values))
    return values


def _list_commands(
    function: ast.FunctionDef,
    functions: Mapping[str, ast.FunctionDef],
    values: Mapping[str, Any],
    depth: int = 0,
    *,
    is_shell: bool = False,
) -> list[str]:
    """Return shell commands for the calls in *function*, in the order of the file."""
    known = {**values, **_read_constants(function)}
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    lines: list[str] = []
    for call in sorted(calls, key=lambda it: (it.lineno, it.col_offset)):
        called = call.func.id if isinstance(call.func, ast.Name) else ""
        if called in functions and called != function.name and depth < _MAX_DEPTH:
            lines += _list_commands(
                functions[called], functions, values, depth + 1, is_shell=is_shell
            )
        line = _session_command(call, known, is_shell=is_shell)
        lines += [line] if line else []
    return lines


def _session_command(call: ast.Call, values: Mapping[str, Any], *, is_shell: bool) -> str:
    """Convert `session.install("x")` to `pip install x`, `session.run("x")` to `x`, else ""."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    words = [word for item in call.args for word in _resolve(item, values)]
    name = call.func.attr
    if name in _INSTALL and isinstance(call.func.value, ast.Name):
        return _join(["pip", "install", *words])
    if name == "chdir" and words:
        return _join(["cd", words[0]])
    if name not in _RUN:
        return ""
    return words[0] if is_shell and words else _join(words)


def _join(words: list[str]) -> str:
    return " ".join(_UNKNOWN if it == _UNKNOWN else shlex.quote(it) for it in words)


def _resolve(node: ast.expr, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that an argument stands for; those unknown are placeholders."""
    if isinstance(node, ast.Starred):
        yield from (it for it in _resolve(node.value, values) if it != _UNKNOWN)
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for item in node.elts:
            yield from _resolve(item, values)
    elif isinstance(node, ast.Name) and node.id in values:
        yield from values[node.id]
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [it.value if isinstance(it, ast.Constant) else _UNKNOWN for it in node.values]
        yield "".join(map(str, parts))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _resolve(node.left, values)
        yield from _resolve(node.right, values)
    elif isinstance(node, ast.Call) and _call_name(node) == "dependency_groups":
        for item in node.args[1:]:
            for name in _resolve(item, values):
                yield from ("--group", name)
    elif isinstance(node, ast.Call) and _call_name(node) in ("str", "Path") and node.args:
        yield from _resolve(node.args[0], values)
    else:
        yield _UNKNOWN


def _call_name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]
