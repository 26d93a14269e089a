"""Evaluate the expressions of a setup script; what cannot be evaluated is an unknown value."""

# ruff: noqa: D102 (methods with the names of `ast.NodeVisitor`)

import ast
import operator
import re
from abc import abstractmethod
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from curate.builders.requirements.setup_script.library import ScriptLibrary
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
    measure,
    measure_all,
    merge_unknown,
    require_size,
)

UNKNOWN_KEYWORDS = "**"  # key of keyword arguments with unknown names
MAX_STEPS = 200_000  # evaluated nodes of one script
# Types whose methods neither run code of the script nor touch anything outside of it.
_PLAIN_TYPES = (str, bytes, list, tuple, dict, ScriptFile, PurePosixPath)
_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mod: operator.mod,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.BitOr: operator.or_,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


class ExpressionEvaluator(ast.NodeVisitor):
    """Evaluates expressions in the current scope.

    An operation on an unknown value has an unknown result; one that fails raises ScriptError.
    """

    def __init__(self, library: ScriptLibrary, scope: Scope) -> None:
        self.library = library
        self.scope = scope
        self.steps = 0
        self.max_steps = MAX_STEPS

    @abstractmethod
    def call_function(self, function: ScriptFunction, arguments: "CallArguments") -> Any:
        """Call a function of the script and return its result."""

    @abstractmethod
    def call_special(self, node: ast.Call, function: Any, arguments: "CallArguments") -> Any:
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
        return self.evaluate(node.body if self.is_true(node.test) else node.orelse)

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
            left, right = _as_unknown_list(left), _as_unknown_list(right)
        if type(kind) not in _BINARY:
            return merge_unknown([left, right], node)
        _check_operands(kind, left, right)
        return self._apply(node, _BINARY[type(kind)], [left, right])

    def visit_Compare(self, node: ast.Compare) -> Any:
        left = self.evaluate(node.left)
        for kind, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(comparator)
            value = self._apply(node, _COMPARISONS[type(kind)], [left, right])
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
            return _get_path_attribute(self.library, owner, node.attr)
        if isinstance(owner, _PLAIN_TYPES) and not node.attr.startswith("_"):
            return getattr(owner, node.attr)
        return merge_unknown([owner], node)

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), list)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), list)

    def visit_SetComp(self, node: ast.SetComp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), OrderedSet)

    def visit_DictComp(self, node: ast.DictComp) -> Any:
        return self._comprehend(
            node.generators, lambda: (self.evaluate(node.key), self.evaluate(node.value)), dict
        )

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

    def _call_library(self, node: ast.Call, function: Any, arguments: "CallArguments") -> Any:
        owner = getattr(function, "__self__", None)
        _check_result_size(function, owner, arguments.positional)
        is_mutation = isinstance(owner, list | dict) and function.__name__ in _MUTATIONS
        if is_mutation and function.__name__ in ("extend", "update"):
            arguments.positional[:] = map(_as_unknown_list, arguments.positional)
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

    def _evaluate_arguments(self, node: ast.Call) -> "CallArguments":
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
                values += _as_unknown_list(self.evaluate(node.value))
            else:
                values.append(self.evaluate(node))
        return values

    def _comprehend(
        self,
        generators: Sequence[ast.comprehension],
        evaluate_item: Callable[[], Any],
        make: Callable[[Iterable[Any]], Any],
    ) -> Any:
        outer, self.scope = self.scope, Scope(parent=self.scope)
        try:
            return make(self._iterate(list(generators), evaluate_item))
        except _UnknownIterationError as error:
            return error.value
        finally:
            self.scope = outer

    def _iterate(
        self, generators: list[ast.comprehension], evaluate_item: Callable[[], Any]
    ) -> Iterator[Any]:
        if not generators:
            yield evaluate_item()
            return
        generator, *inner = generators
        source = self.evaluate(generator.iter)
        if isinstance(source, Unknown):
            raise _UnknownIterationError(source)
        for item in list(source):
            self.assign(generator.target, item)
            answers = [self.evaluate(condition) for condition in generator.ifs]
            unknown = [each for each in answers if isinstance(each, Unknown)]
            if unknown:
                raise _UnknownIterationError(merge_unknown(unknown, generator.iter))
            if all(answers):
                yield from self._iterate(inner, evaluate_item)

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


def get_called_name(node: ast.Call) -> str:
    """Return the last name of the function that *node* calls; "" if it has none."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


class CallArguments:
    """Evaluated arguments of a call."""

    def __init__(self, positional: list[Any], keywords: dict[str, Any]) -> None:
        self.positional, self.keywords = positional, keywords

    @property
    def values(self) -> list[Any]:
        """Return all values."""
        return [*self.positional, *self.keywords.values()]


class _UnknownIterationError(Exception):
    """An iteration whose items, or a condition on them, are unknown."""

    def __init__(self, value: Unknown) -> None:
        super().__init__()
        self.value = value


_MUTATIONS = frozenset({"append", "extend", "insert", "add", "update", "setdefault", "remove"})


def _as_unknown_list(value: Any) -> Any:
    """Return an unknown value as a list of it, so that what it is added to stays known."""
    return [value] if isinstance(value, Unknown) else value


def _to_text(value: Any) -> str:
    if not isinstance(value, str | int | float | PurePosixPath | Version):
        raise TypeError("text of a container")
    return str(value)


def _check_operands(kind: ast.operator, left: Any, right: Any) -> None:
    """Raise BudgetExceededError if the result of an operation may be too large."""
    require_size(measure(left) + measure(right))
    if isinstance(kind, ast.Mod) and isinstance(left, str):
        _check_format(left)
        require_size(measure(left) * sum(map(measure, right if type(right) is tuple else [right])))
    if isinstance(kind, ast.Mult):
        numbers = [value for value in (left, right) if isinstance(value, int)]
        sizes = [value if isinstance(value, int) else measure(value) for value in (left, right)]
        require_size(sizes[0] * sizes[1] if len(numbers) == 1 else 0)
        require_size(sum(number.bit_length() for number in numbers))


def _check_format(template: str) -> None:
    """Raise BudgetExceededError if *template* pads to a great width."""
    if "*" in template or re.search(r"\d{5,}", template):
        raise BudgetExceededError


def _check_result_size(function: Any, owner: Any, arguments: Sequence[Any]) -> None:
    """Raise BudgetExceededError if the result of a method may be too large."""
    if not isinstance(owner, str | bytes | list | dict):
        return
    numbers = [abs(value) for value in arguments if isinstance(value, int)]
    sizes = [measure(owner), *map(measure, arguments)]
    for value in arguments:
        if isinstance(value, list | tuple | dict):
            sizes += map(measure, value)
    is_text = isinstance(owner, str | bytes)
    if isinstance(owner, str) and function.__name__ == "format":
        _check_format(owner)
    product = measure(owner) * max(sizes) if is_text and function.__name__ in _GROWING else 0
    require_size(max(sum(sizes), product, *(numbers if is_text else ()), 0))


_GROWING = frozenset({"replace", "format", "join", "translate"})


def _get_path_attribute(library: ScriptLibrary, path: PurePosixPath, name: str) -> Any:
    """Return what an attribute of `pathlib.Path` gives for *path*."""
    file_access = {
        "read_text": lambda *_, **__: library.open(path).text,
        "open": lambda *_, **__: library.open(path),
        "resolve": lambda *_: path,
        "absolute": lambda *_: path,
    }
    if name in file_access:
        return file_access[name]
    if name in ("exists", "is_file"):
        return lambda: library.read_text(path) is not None
    return getattr(path, name) if hasattr(PurePosixPath, name) else Unknown()
