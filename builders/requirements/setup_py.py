"""Read the arguments of `setup` from the syntax tree of setup.py, without running it."""

import ast
from collections.abc import Iterator
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.project import ProjectMetadata, split_conditional_extras
from curate.builders.requirements.setup_cfg import read_plain_files
from curate.builders.requirements.setup_py_conditions import taken_branches
from curate.builders.requirements.static_eval import (
    UnknownValueError,
    apply_statement,
    evaluate_expression,
)

PATH = "setup.py"


def read_setup_py(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of setup.py, or None if it is missing.

    An argument that is not statically parseable is noted. If its expression, or a function that it
    calls, names a requirements file, the value is the content of that file.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError):
        return ProjectMetadata(origin=PATH, notes=(f"{PATH} cannot be parsed",))
    script = _SetupScript(tree, module)
    arguments = script.setup_arguments()
    extras = {name: tuple(_as_lines(lines)) for name, lines in _extras_mapping(arguments).items()}
    conditional, named = split_conditional_extras(extras)
    install = arguments.get("install_requires")
    is_declared = install is not None or conditional
    dependencies = (*_as_lines(install), *conditional) if is_declared else None
    return ProjectMetadata(
        origin=PATH,
        name=_as_text(arguments.get("name")),
        dependencies=dependencies,
        extras={name: tuple(lines) for name, lines in named.items()} if extras else None,
        groups={"tests_require": tuple(_as_lines(arguments.get("tests_require")))},
        requires_python=_as_text(arguments.get("python_requires")),
        classifiers=tuple(_as_lines(arguments.get("classifiers"))),
        notes=tuple(script.notes),
    )


class _SetupScript:
    """The module's variables at the call of `setup`, and notes on what could not be evaluated."""

    def __init__(self, tree: FileTree, module: ast.Module) -> None:
        self.tree = tree
        self.module = module
        self.names: dict[str, Any] = {}
        self.notes: list[str] = []
        self.functions = {n.name: n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)}

    def setup_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `setup`, as far as they can be evaluated."""
        self._execute_statements(self.module.body)
        for function in self.functions.values():
            if any(map(_is_setup_call, ast.walk(function))):
                self._execute_statements(function.body)
        found: dict[str, Any] = {}
        for call in filter(_is_setup_call, ast.walk(self.module)):
            for keyword in call.keywords:  # type: ignore[attr-defined]
                found.update(self._evaluate_keyword(keyword))
        return found

    def _execute_statements(self, body: list[ast.stmt]) -> None:
        for statement in _unconditional_statements(body):
            apply_statement(statement, self.names)
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._assign_file_content(statement.targets[0], statement.value)
            elif isinstance(statement, ast.With):
                self._execute_statements(statement.body)

    def _assign_file_content(self, target: ast.expr, value: ast.expr) -> None:
        """Set an unknown variable to the content of the file that its value mentions."""
        if isinstance(target, ast.Name) and target.id not in self.names:
            lines = self._mentioned_file_lines(value)
            if lines:
                self.names[target.id] = lines

    def _evaluate_keyword(self, keyword: ast.keyword) -> dict[str, Any]:
        try:
            value = evaluate_expression(keyword.value, self.names)
        except UnknownValueError:
            value = self._mentioned_file_lines(keyword.value) or None
        if keyword.arg is None:
            return value if isinstance(value, dict) else {}
        if value is None and keyword.arg in ("install_requires", "extras_require"):
            self.notes.append(f"{PATH}: {keyword.arg} is not statically parseable")
        return {keyword.arg: value}

    def _mentioned_file_lines(self, node: ast.AST) -> list[str]:
        """Return the lines of requirements files named in *node* or in functions that it calls."""
        called = [self.functions.get(_called_name(child)) for child in ast.walk(node)]
        roots = [node, *(function for function in called if function)]
        paths = [
            child.value
            for root in roots
            for child in ast.walk(root)
            if isinstance(child, ast.Constant) and isinstance(child.value, str)
        ]
        files = [path for path in paths if path.endswith((".txt", ".in")) and self.tree.read(path)]
        return list(read_plain_files(self.tree, list(dict.fromkeys(files))))


def _unconditional_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements that always run, those in `try`, and in conditions that are known."""
    for statement in body:
        if isinstance(statement, ast.Try) or (
            isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test)
        ):
            yield from _unconditional_statements(statement.body)
        elif isinstance(statement, ast.If):
            yield from _unconditional_statements(list(taken_branches(statement)))
        else:
            yield statement


def _is_setup_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called_name(node) == "setup"


def _called_name(node: ast.AST) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _extras_mapping(arguments: dict[str, Any]) -> dict[str, Any]:
    extras = arguments.get("extras_require")
    return extras if isinstance(extras, dict) else {}


def _as_lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return [item for item in value or () if isinstance(item, str)]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
