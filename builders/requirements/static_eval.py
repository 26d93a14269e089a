"""Values of Python expressions, worked out from their text: nothing runs."""

import ast
from collections.abc import Callable, Mapping
from typing import Any


class Unknown(Exception):
    """The value of an expression cannot be told from the text."""


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of *node* under *names*; raises `Unknown`."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        raise Unknown(ast.dump(node)[:80])
    try:
        return handler(node, names)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise Unknown(str(error)) from error


def assign(statement: ast.stmt, names: dict[str, Any]) -> None:
    """Let *statement* (assignment, `+=`, `.append`, `.extend`, `.update`) change *names*.

    Where the value is unknown the name is forgotten; other statements change nothing.
    """
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _bind(target, statement.value, names)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _bind(statement.target, statement.value, names)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        total = ast.BinOp(left=_load(statement.target), op=ast.Add(), right=statement.value)
        _bind(statement.target, total, names)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        _mutate(statement.value, names)


def _bind(target: ast.expr, value: ast.expr, names: dict[str, Any]) -> None:
    try:
        known = evaluate(value, names)
    except Unknown:
        if isinstance(target, ast.Name):
            names.pop(target.id, None)
        return
    if isinstance(target, ast.Name):
        names[target.id] = known
    elif isinstance(target, ast.Subscript):
        try:
            evaluate(target.value, names)[evaluate(target.slice, names)] = known
        except (Unknown, TypeError):
            return


def _load(target: ast.expr) -> ast.expr:
    return ast.Name(id=target.id, ctx=ast.Load()) if isinstance(target, ast.Name) else target


def _mutate(call: ast.Call, names: Mapping[str, Any]) -> None:
    if not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
        return
    try:
        owner, value = evaluate(call.func.value, names), evaluate(call.args[0], names)
    except Unknown:
        return
    method = call.func.attr
    if isinstance(owner, list) and method in ("append", "extend"):
        owner.extend([value] if method == "append" else value)
    elif isinstance(owner, dict) and method == "update" and isinstance(value, dict):
        owner.update(value)


def _sequence(node: Any, names: Mapping[str, Any]) -> list[Any]:
    values: list[Any] = []
    for item in node.elts:
        if isinstance(item, ast.Starred):
            values += evaluate(item.value, names)
        else:
            values.append(evaluate(item, names))
    return values


def _dict(node: Any, names: Mapping[str, Any]) -> dict[Any, Any]:
    """Entries that cannot be told are left out: the others are worth having."""
    values: dict[Any, Any] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        try:
            value = evaluate(item, names)
            values.update(value if key is None else {evaluate(key, names): value})
        except Unknown:
            continue
    return values


def _binary(node: Any, names: Mapping[str, Any]) -> Any:
    left, right = evaluate(node.left, names), evaluate(node.right, names)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return left % (tuple(right) if isinstance(right, list) else right)
    raise Unknown("operator")


def _call(node: Any, names: Mapping[str, Any]) -> Any:
    """Work out the few calls that occur in lists of requirements."""
    if node.keywords and not (isinstance(node.func, ast.Name) and node.func.id == "dict"):
        raise Unknown("keyword arguments")
    arguments = [evaluate(argument, names) for argument in node.args]
    if isinstance(node.func, ast.Attribute):
        owner = evaluate(node.func.value, names)
        return _method(owner, node.func.attr, arguments)
    name = node.func.id
    if name in ("list", "tuple", "sorted", "set", "frozenset") and len(arguments) == 1:
        return sorted(arguments[0]) if name in ("sorted", "set", "frozenset") else [*arguments[0]]
    if name == "sum" and len(arguments) == 2:
        return [item for part in arguments[0] for item in part]
    if name == "dict":
        given = {item.arg: evaluate(item.value, names) for item in node.keywords if item.arg}
        return {**(dict(*arguments)), **given}
    raise Unknown(name)


def _method(owner: Any, name: str, arguments: list[Any]) -> Any:
    if isinstance(owner, str) and name in ("split", "strip", "splitlines", "format", "join"):
        return getattr(owner, name)(*arguments)
    if isinstance(owner, dict) and name in ("values", "keys", "copy", "get"):
        value = getattr(owner, name)(*arguments)
        return list(value) if name in ("values", "keys") else value
    if isinstance(owner, list) and name == "copy":
        return list(owner)
    raise Unknown(name)


def _fstring(node: Any, names: Mapping[str, Any]) -> str:
    values = (getattr(part, "value", part) for part in node.values)
    return "".join(
        str(evaluate(value, names)) if isinstance(value, ast.expr) else str(value)
        for value in values
    )


_HANDLERS: dict[type, Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: lambda node, names: names[node.id],
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.Call: _call,
    ast.JoinedStr: _fstring,
    ast.Subscript: lambda node, names: evaluate(node.value, names)[evaluate(node.slice, names)],
}
