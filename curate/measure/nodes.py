"""Questions about nodes of a syntax tree."""

import ast
import re

_LOGGING = re.compile(r"_?(?:log|logger|logging)", re.IGNORECASE)
_LOG_METHODS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical"})


def add_one(value: float) -> bytes:
    """Return the source of *value* plus one."""
    try:
        return repr(value + 1).encode()
    except (OverflowError, ValueError):  # a number of thousands of digits
        return b"0"


def is_docstring(node: ast.stmt) -> bool:
    """Whether *node* is a literal alone, as a docstring at the start of a body."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_none(node: ast.expr) -> bool:
    """Whether *node* is None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_plain(node: ast.stmt) -> bool:
    """Whether a statement may be replaced by a return: one that neither jumps nor defines."""
    if isinstance(node, ast.Expr) and (is_log_call(node.value) or yields(node)):
        return False
    return isinstance(node, ast.Expr | ast.Assign | ast.AugAssign)


def yields(node: ast.AST) -> bool:
    """Whether *node* yields."""
    return any(isinstance(it, ast.Yield | ast.YieldFrom) for it in ast.walk(node))


def is_log_call(node: ast.expr) -> bool:
    """Whether *node* is a call as `logger.debug(…)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.func.attr in _LOG_METHODS and bool(_LOGGING.fullmatch(name))
