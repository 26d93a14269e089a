"""Evaluate conditions on Python version and platform in a setup script, for Linux and Python 3."""

import ast
import operator
from collections.abc import Callable, Iterator

from curate.builders.requirements.requirement_line import InvalidRequirementLineError, add_marker

_OPERATORS: dict[type[ast.cmpop], tuple[str, str, Callable[[int, int], bool]]] = {
    ast.Eq: ("==", "!=", operator.eq),
    ast.NotEq: ("!=", "==", operator.ne),
    ast.Lt: ("<", ">=", operator.lt),
    ast.LtE: ("<=", ">", operator.le),
    ast.Gt: (">", "<=", operator.gt),
    ast.GtE: (">=", "<", operator.ge),
}
_MAJOR = ("sys.version_info[0]", "sys.version_info.major")
_VERSION = ("sys.version_info", "sys.version_info[:2]", "sys.version_info[0:2]")
_PLATFORM = {"sys.platform": "linux", "os.name": "posix"}


def taken_branches(statement: ast.If) -> Iterator[ast.stmt]:
    """Yield the statements of *statement* that run on Linux with Python 3.

    If that depends on the minor version, both branches with markers on their requirements. Nothing
    if the condition is about anything else.
    """
    test = statement.test
    if not isinstance(test, ast.Compare) or type(test.ops[0]) not in _OPERATORS:
        return
    left, right = ast.unparse(test.left), test.comparators[0]
    operator_text, negated, compare = _OPERATORS[type(test.ops[0])]
    version = _version_numbers(right) if left in _MAJOR + _VERSION else ()
    if version and (left in _MAJOR or len(version) == 1 or version[0] != 3):
        is_longer = left in _VERSION and version == (3,)  # (3, 8) is greater than (3,)
        is_true = compare(4 if is_longer else 3, version[0])
        yield from statement.body if is_true else statement.orelse
    elif version:
        for body, sign in ((statement.body, operator_text), (statement.orelse, negated)):
            adder = _MarkerAdder(f"python_version {sign} '3.{version[1]}'")
            yield from (adder.visit(child) for child in body)
    elif left in _PLATFORM and isinstance(right, ast.Constant):
        is_same = right.value == _PLATFORM[left]
        yield from statement.body if is_same is (operator_text == "==") else statement.orelse


def _version_numbers(node: ast.expr) -> tuple[int, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    values = [item.value for item in items if isinstance(item, ast.Constant)]
    return tuple(value for value in values if isinstance(value, int))


class _MarkerAdder(ast.NodeTransformer):
    """Adds a marker to requirement lines that are added to a list; removes assignments."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        return ast.Pass()

    def visit_If(self, node: ast.If) -> ast.stmt:
        return ast.Pass()

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return node  # `extras["name"]` is a key, not a requirement

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if not isinstance(node.value, str):
            return node
        try:
            return ast.Constant(value=add_marker(node.value, self.marker))
        except InvalidRequirementLineError:
            return node
