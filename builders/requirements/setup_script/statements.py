"""Follow the statements of a setup script."""

# ruff: noqa: D102, N802 (methods with the names of `ast.NodeVisitor`)

import ast
from collections.abc import Iterable
from typing import Any

from curate.builders.requirements.setup_script.calls import get_called_name
from curate.builders.requirements.setup_script.comprehensions import ComprehensionEvaluator
from curate.builders.requirements.setup_script.library import ScriptLibrary
from curate.builders.requirements.setup_script.values import (
    BudgetExceededError,
    Scope,
    ScriptError,
    ScriptExit,
    ScriptFunction,
    Unknown,
)


class ReturnError(Exception):
    """A function returns *value*."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class LoopError(Exception):
    """A loop ends, or goes on with its next item."""

    def __init__(self, *, is_break: bool) -> None:
        super().__init__()
        self.is_break = is_break


ENDS = (ScriptExit, BudgetExceededError, ReturnError, LoopError)


class StatementInterpreter(ComprehensionEvaluator):
    """Follows statements in the current scope.

    Of a condition that is unknown, the `else` branch is followed; `skipped` has such conditions if
    they guard what adds to a list or a mapping.
    """

    def __init__(self, library: ScriptLibrary, scope: Scope) -> None:
        super().__init__(library, scope)
        self.skipped: list[str] = []
        self.is_forced = False  # whether the script goes on where it would end
        self.depth = 0  # of calls and `try` statements: where it is 0, errors are passed over
        self.import_depth = 0  # of modules of the project

    def execute_all(self, body: Iterable[ast.stmt]) -> None:
        """Follow *body*, at depth 0 past statements that raise an error of the script."""
        for statement in body:
            try:
                self.evaluate(statement)
            except ScriptError:
                if self.depth:
                    raise
                self._doubt(statement, [statement])
                self._forget_targets(statement)  # the script may be right, and we not know enough
            except ScriptExit:
                if self.depth or not self.is_forced:
                    raise

    def _doubt(self, unknown: ast.AST, body: list[ast.stmt]) -> None:
        """Note what is *unknown* if *body*, which depends on it, makes or changes lists."""
        if not self.import_depth and (_changes_list(body) or _makes_list(body)):
            self.doubts.append(ast.unparse(unknown).splitlines()[0])

    def _forget_targets(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self.scope.set(target.id, Unknown((statement.value,)))

    def visit_Expr(self, node: ast.Expr) -> None:
        self.evaluate(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        left, right = self.evaluate(node.target), self.evaluate(node.value)
        result = self.combine(node.value, node.op, left, right)
        if isinstance(left, list) and isinstance(result, list):
            left[:] = result  # other names of the list see the change
        else:
            self.assign(node.target, result)

    def visit_If(self, node: ast.If) -> None:
        answer = self.is_true(node.test)
        if answer is None and not self.import_depth and _changes_list(node.body):
            self.skipped.append(ast.unparse(node.test))
        if answer is None:
            self._doubt(node.test, [*node.body, *node.orelse])
        self.execute_all(node.body if answer else node.orelse)

    def visit_For(self, node: ast.For) -> None:
        source = self.evaluate(node.iter)
        if isinstance(source, Unknown):
            self._doubt(node.iter, node.body)
        for item in [] if isinstance(source, Unknown) else list(source):
            self.assign(node.target, item)
            try:
                self.execute_all(node.body)
            except LoopError as error:
                if error.is_break:
                    return
        self.execute_all(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        while self.is_true(node.test):
            try:
                self.execute_all(node.body)
            except LoopError as error:
                if error.is_break:
                    return

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self.execute_all(node.body)

    def visit_Try(self, node: ast.Try) -> None:
        if self._succeeds(node.body):
            self.execute_all(node.orelse)
        else:
            for handler in node.handlers[:1]:
                self.execute_all(handler.body)
        self.execute_all(node.finalbody)

    def _succeeds(self, body: Iterable[ast.stmt]) -> bool:
        """Follow the body of a `try`; whether it ends without an error."""
        self.depth += 1  # so that errors are raised
        try:
            self.execute_all(body)
        except ScriptError:
            return False
        finally:
            self.depth -= 1
        return True

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self.evaluate(node.exc)  # `raise SystemExit` without a call is no exit, but no matter
        raise ScriptError(ast.unparse(node)) if self.depth else ScriptExit

    def visit_Return(self, node: ast.Return) -> None:
        raise ReturnError(None if node.value is None else self.evaluate(node.value))

    def visit_Break(self, _: ast.Break) -> None:
        raise LoopError(is_break=True)

    def visit_Continue(self, _: ast.Continue) -> None:
        raise LoopError(is_break=False)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.globals_declared.update(node.names)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scope.set(node.name, ScriptFunction(node, self.scope))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.set(node.name, Unknown((node,)))

    def visit_Delete(self, _: ast.Delete) -> None:
        """Nothing that matters is deleted."""


def _changes_list(body: Iterable[ast.stmt]) -> bool:
    """Whether *body* adds something to a list or a mapping."""
    return any(
        isinstance(node, ast.AugAssign)
        or (
            isinstance(node, ast.Call)
            and get_called_name(node) in ("append", "extend", "update", "insert", "setdefault")
        )
        for statement in body
        for node in ast.walk(statement)
    )


def _makes_list(body: Iterable[ast.stmt]) -> bool:
    """Whether *body* assigns or returns a list that it contains."""
    return any(
        isinstance(part, ast.List | ast.ListComp | ast.Tuple)
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return) and node.value is not None
        for part in ast.walk(node.value)
    )
