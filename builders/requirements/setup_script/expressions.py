"""Evaluate the expressions of a setup script; what cannot be evaluated is an unknown value."""

# ruff: noqa: D102 (methods with the names of `ast.NodeVisitor`)

import ast
from abc import abstractmethod
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from curate.builders.requirements.setup_script.calls import (
    UNKNOWN_KEYWORDS,
    CallArguments,
    get_called_name,
)
from curate.builders.requirements.setup_script.library import ScriptLibrary
from curate.builders.requirements.setup_script.operators import (
    BINARY,
    COMPARISONS,
    check_operands,
    check_result_size,
)
from curate.builders.requirements.setup_script.values import (
    BudgetExceededError,
    LibraryModule,
    Namespace,
    OrderedSet,
    Scope,
    ScriptError,
    ScriptFile,
    ScriptFunction,
    Unknown,
    as_unknown_list,
    measure_all,
    merge_unknown,
)

MAX_STEPS = 200_000  # evaluated nodes of one script
# Types whose methods neither run code of the script nor touch anything outside of it.
_PLAIN_TYPES = (str, bytes, list, tuple, dict, ScriptFile, PurePosixPath)
_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)
_MUTATIONS = frozenset({"append", "extend", "insert", "add", "update", "setdefault", "remove"})


class ExpressionEvaluator(ast.NodeVisitor):
    """Evaluates expressions in the current scope.

    An operation on an unknown value has an unknown result; one that fails raises ScriptError.
    """

    def __init__(self, library: ScriptLibrary, scope: Scope) -> None:
        self.library = library
        self.scope = scope
        self.steps = 0
        self.max_steps = MAX_STEPS
        self.doubts: list[str] = []  # unknown conditions and values that requirements may depend on

    @abstractmethod
    def call_function(self, function: ScriptFunction, arguments: CallArguments) -> Any:
        """Call a function of the script and return its result."""

    @abstractmethod
    def call_special(self, node: ast.Call, function: Any, arguments: CallArguments) -> Any:
        """Call what affects the interpreter itself; None if *node* is no such call."""

    def evaluate(self, node: ast.AST) -> Any:
        """Return the value of *node*; raises ScriptError, ScriptExit or BudgetExceededError."""
        self.steps += 1
        if self.steps > self.max_steps:
            raise BudgetExceededError
        try:
            return self.visit(node)
        except _ERRORS as error:
            raise ScriptError(f"{type(error).__name__}: {error}") from error

    def try_to_evaluate(self, node: ast.AST) -> Any:
        """Return the value of *node*, unknown if that raises an error of the script."""
        try:
            return self.evaluate(node)
        except ScriptError:
            return Unknown((node,))

    def is_true(self, node: ast.expr) -> bool | None:
        """Return the truth of *node*; None if it is unknown or cannot be evaluated."""
        value = self.try_to_evaluate(node)
        return None if isinstance(value, Unknown) else bool(value)

    def generic_visit(self, node: ast.AST) -> Any:
        """Everything without a method of its own is unknown."""
        return Unknown((node,))

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def visit_Name(self, node: ast.Name) -> Any:
        try:
            return self.scope.get(node.id)
        except KeyError:
            return self.library.builtins.get(node.id, Unknown((node,)))

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return ScriptFunction(node, self.scope)

    def visit_List(self, node: ast.List) -> list[Any]:
        return self._evaluate_items(node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._evaluate_items(node.elts))

    def visit_Set(self, node: ast.Set) -> OrderedSet:
        items = self._evaluate_items(node.elts)
        self._charge(items)
        return OrderedSet(items)

    def visit_Dict(self, node: ast.Dict) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.evaluate(item)
            if key is not None:
                name = self.evaluate(key)
                self._charge([name])
                found[name] = value
            elif isinstance(value, dict):
                found.update(value)
        return found

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        parts = [
            self.evaluate(part.value if isinstance(part, ast.FormattedValue) else part)
            for part in node.values
        ]
        return self._apply(node, lambda *values: "".join(map(_to_text, values)), parts)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        answer = self.is_true(node.test)
        if answer is None:
            self.doubts.append(ast.unparse(node.test))
        return self.evaluate(node.body if answer else node.orelse)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        value = self.evaluate(node.value)
        self.scope.set(node.target.id, value)
        return value

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Return the first value that decides, also if an unknown one comes before it."""
        ends = isinstance(node.op, ast.Or)
        value: Any = None
        unknown: list[Unknown] = []
        for each in node.values:
            value = self.evaluate(each)
            if isinstance(value, Unknown):
                unknown.append(value)
            elif bool(value) is ends:
                return value
        return merge_unknown(unknown) if unknown else value

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.evaluate(node.operand)
        if isinstance(value, Unknown) or not isinstance(node.op, ast.Not | ast.USub):
            return merge_unknown([value])
        return not value if isinstance(node.op, ast.Not) else -value

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        return self.combine(node, node.op, left, right)

    def combine(self, node: ast.AST, kind: ast.operator, left: Any, right: Any) -> Any:
        """Return the result of a binary operation; parts of a sum that are unknown stay so."""
        if isinstance(kind, ast.Add) and isinstance(left, list) != isinstance(right, list):
            left, right = as_unknown_list(left), as_unknown_list(right)
        if type(kind) not in BINARY:
            return merge_unknown([left, right], node)
        check_operands(kind, left, right)
        return self._apply(node, BINARY[type(kind)], [left, right])

    def visit_Compare(self, node: ast.Compare) -> Any:
        left = self.evaluate(node.left)
        for kind, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(comparator)
            value = self._apply(node, COMPARISONS[type(kind)], [left, right])
            if not value or isinstance(value, Unknown):
                return value
            left = right
        return True

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        owner, key = self.evaluate(node.value), self.evaluate(node.slice)
        if isinstance(owner, Namespace):
            return Unknown((node,))
        return self._apply(node, lambda of, at: of[at], [owner, key])

    def visit_Slice(self, node: ast.Slice) -> Any:
        bounds = [each and self.evaluate(each) for each in (node.lower, node.upper, node.step)]
        return self._apply(node, slice, bounds)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        owner = self.evaluate(node.value)
        if isinstance(owner, LibraryModule):
            return self.library.get_attribute(owner, node.attr)
        if isinstance(owner, Namespace):
            return owner.names.get(node.attr, Unknown((node,)))
        if isinstance(owner, PurePosixPath):
            return self.library.get_path_attribute(owner, node.attr)
        if isinstance(owner, _PLAIN_TYPES) and not node.attr.startswith("_"):
            return getattr(owner, node.attr)
        return merge_unknown([owner], node)

    def visit_Call(self, node: ast.Call) -> Any:
        function = self.evaluate(node.func)
        arguments = self._evaluate_arguments(node)
        special = self.call_special(node, function, arguments)
        if special is not None:
            return special
        if isinstance(function, ScriptFunction):
            return self.call_function(function, arguments)
        if isinstance(function, Unknown) or not callable(function):
            return merge_unknown([function, *arguments.values], node)
        return self._call_library(node, function, arguments)

    def _call_library(self, node: ast.Call, function: Any, arguments: CallArguments) -> Any:
        owner = getattr(function, "__self__", None)
        check_result_size(function, owner, arguments.positional)
        is_mutation = isinstance(owner, list | dict) and function.__name__ in _MUTATIONS
        if is_mutation and function.__name__ in ("extend", "update"):
            arguments.positional[:] = map(as_unknown_list, arguments.positional)
        values = arguments.positional if function is dict else arguments.values
        if not is_mutation and any(isinstance(value, Unknown) for value in values):
            return merge_unknown(arguments.values, node)
        keywords = {name: self._as_callable(value) for name, value in arguments.keywords.items()}
        self._charge(arguments.values)
        result = function(*map(self._as_callable, arguments.positional), **keywords)
        is_lazy = isinstance(result, Iterator | KeysView | ValuesView | ItemsView)
        return list(result) if is_lazy else result

    def _as_callable(self, value: Any) -> Any:
        """Let functions of the library call one of the script, e.g. the key of `sorted`."""
        if not isinstance(value, ScriptFunction):
            return value
        return lambda *items: self.call_function(value, CallArguments(list(items), {}))

    def _evaluate_arguments(self, node: ast.Call) -> CallArguments:
        keywords: dict[str, Any] = {}
        evaluate = self.try_to_evaluate if get_called_name(node) == "setup" else self.evaluate
        for keyword in node.keywords:
            value = evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords.update(value)
            else:
                keywords[UNKNOWN_KEYWORDS] = merge_unknown([value], keyword.value)
        return CallArguments(self._evaluate_items(node.args), keywords)

    def _evaluate_items(self, nodes: Iterable[ast.expr]) -> list[Any]:
        values: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values += as_unknown_list(self.evaluate(node.value))
            else:
                values.append(self.evaluate(node))
        return values

    def assign(self, target: ast.expr, value: Any) -> None:
        """Assign *value* to a name, an item, or each part of a tuple; else do nothing."""
        if isinstance(target, ast.Name):
            self.scope.set(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            parts = [value] * len(target.elts) if isinstance(value, Unknown) else list(value)
            for each, part in zip(target.elts, parts, strict=True):
                self.assign(each, part)
        elif isinstance(target, ast.Subscript):
            owner, key = self.evaluate(target.value), self.evaluate(target.slice)
            self._charge([key])
            if isinstance(owner, list | dict):
                owner[key] = value

    def _apply(self, node: ast.AST, function: Callable[..., Any], values: Sequence[Any]) -> Any:
        if any(isinstance(value, Unknown) for value in values):
            return merge_unknown(values, node)
        self._charge(values)
        return function(*values)

    def _charge(self, values: Iterable[Any]) -> None:
        """Count the work that an operation on large *values* is."""
        self.steps += measure_all(values) // 100


def _to_text(value: Any) -> str:
    if not isinstance(value, str | int | float | PurePosixPath | Version):
        raise TypeError("text of a container")
    return str(value)
