"""Evaluate Python expressions from their syntax tree, without running any code."""

import ast
from collections.abc import Callable, Mapping
from typing import Any


class UnknownValueError(Exception):
    """The value of an expression cannot be evaluated statically."""


def evaluate_expression(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of *node*.

    Args:
        node: The expression.
        names: Variable name -> value.

    Raises:
        UnknownValueError: The expression is not supported, or uses an unknown variable.
    """
    handler = _EVALUATORS.get(type(node))
    if handler is None:
        raise UnknownValueError(ast.dump(node)[:80])
    try:
        return handler(node, names)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise UnknownValueError(str(error)) from error


def apply_statement(statement: ast.stmt, names: dict[str, Any]) -> None:
    """Apply *statement* (assignment, `+=`, `.append`, `.extend`, `.update`) to *names*.

    If the assigned value is unknown, the name is removed. Other statements are ignored.
    """
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _bind_target(target, statement.value, names)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _bind_target(statement.target, statement.value, names)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        total = ast.BinOp(left=_as_load(statement.target), op=ast.Add(), right=statement.value)
        _bind_target(statement.target, total, names)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        _apply_mutation(statement.value, names)


def _bind_target(target: ast.expr, value: ast.expr, names: dict[str, Any]) -> None:
    try:
        result = evaluate_expression(value, names)
    except UnknownValueError:
        if isinstance(target, ast.Name):
            names.pop(target.id, None)
        return
    if isinstance(target, ast.Name):
        names[target.id] = result
    elif isinstance(target, ast.Subscript):
        try:
            container = evaluate_expression(target.value, names)
            container[evaluate_expression(target.slice, names)] = result
        except (UnknownValueError, TypeError):
            return


def _as_load(target: ast.expr) -> ast.expr:
    return ast.Name(id=target.id, ctx=ast.Load()) if isinstance(target, ast.Name) else target


def _apply_mutation(call: ast.Call, names: Mapping[str, Any]) -> None:
    if not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
        return
    try:
        owner, value = (
            evaluate_expression(call.func.value, names),
            evaluate_expression(call.args[0], names),
        )
    except UnknownValueError:
        return
    method = call.func.attr
    if isinstance(owner, list) and method in ("append", "extend"):
        owner.extend([value] if method == "append" else value)
    elif isinstance(owner, dict) and method == "update" and isinstance(value, dict):
        owner.update(value)


def _evaluate_sequence(node: Any, names: Mapping[str, Any]) -> list[Any]:
    values: list[Any] = []
    for item in node.elts:
        if isinstance(item, ast.Starred):
            values += evaluate_expression(item.value, names)
        else:
            values.append(evaluate_expression(item, names))
    return values


def _evaluate_dict(node: Any, names: Mapping[str, Any]) -> dict[Any, Any]:
    """Evaluate a dictionary without its unknown entries, as the others are still useful."""
    values: dict[Any, Any] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        try:
            value = evaluate_expression(item, names)
            values.update(value if key is None else {evaluate_expression(key, names): value})
        except UnknownValueError:
            continue
    return values


def _evaluate_binary(node: Any, names: Mapping[str, Any]) -> Any:
    left, right = evaluate_expression(node.left, names), evaluate_expression(node.right, names)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return left % (tuple(right) if isinstance(right, list) else right)
    raise UnknownValueError("operator")


def _evaluate_call(node: Any, names: Mapping[str, Any]) -> Any:
    """Evaluate the few calls that occur in lists of requirements."""
    if node.keywords and not (isinstance(node.func, ast.Name) and node.func.id == "dict"):
        raise UnknownValueError("keyword arguments")
    arguments = [evaluate_expression(argument, names) for argument in node.args]
    if isinstance(node.func, ast.Attribute):
        owner = evaluate_expression(node.func.value, names)
        return _call_method(owner, node.func.attr, arguments)
    name = node.func.id
    if name in ("list", "tuple", "sorted", "set", "frozenset") and len(arguments) == 1:
        return sorted(arguments[0]) if name in ("sorted", "set", "frozenset") else [*arguments[0]]
    if name == "sum" and len(arguments) == 2:
        return [item for items in arguments[0] for item in items]
    if name == "dict":
        keywords = {
            item.arg: evaluate_expression(item.value, names) for item in node.keywords if item.arg
        }
        return {**(dict(*arguments)), **keywords}
    raise UnknownValueError(name)


def _call_method(owner: Any, name: str, arguments: list[Any]) -> Any:
    if isinstance(owner, str) and name in ("split", "strip", "splitlines", "format", "join"):
        return getattr(owner, name)(*arguments)
    if isinstance(owner, dict) and name in ("values", "keys", "copy", "get"):
        value = getattr(owner, name)(*arguments)
        return list(value) if name in ("values", "keys") else value
    if isinstance(owner, list) and name == "copy":
        return list(owner)
    raise UnknownValueError(name)


def _evaluate_fstring(node: Any, names: Mapping[str, Any]) -> str:
    values = (getattr(part, "value", part) for part in node.values)
    return "".join(
        str(evaluate_expression(value, names)) if isinstance(value, ast.expr) else str(value)
        for value in values
    )


_EVALUATORS: dict[type, Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: lambda node, names: names[node.id],
    ast.List: _evaluate_sequence,
    ast.Tuple: _evaluate_sequence,
    ast.Set: _evaluate_sequence,
    ast.Dict: _evaluate_dict,
    ast.BinOp: _evaluate_binary,
    ast.Call: _evaluate_call,
    ast.JoinedStr: _evaluate_fstring,
    ast.Subscript: lambda node, names: evaluate_expression(node.value, names)[
        evaluate_expression(node.slice, names)
    ],
}
