"""Small wrong variants of Python source: one edit each, of an expression or a statement.

The operators are those of mutation testing: comparison, boolean, constant, arithmetic, dropped
statement, swapped arguments, early return, negation, off by one, wrong exception. An edit keeps the
number of lines, so that line numbers mean the same before and after it.
"""

import ast
import re
from collections.abc import Container, Sequence

from curate.measure.editing_visitor import Edit, EditingVisitor
from curate.measure.nodes import add_one, is_docstring, is_log_call, is_none, is_plain

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: (r"<", "<="),
    ast.LtE: (r"<=", "<"),
    ast.Gt: (r">", ">="),
    ast.GtE: (r">=", ">"),
    ast.Eq: (r"==", "!="),
    ast.NotEq: (r"!=", "=="),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: (r"-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: (r"/", "*"),
    ast.FloorDiv: (r"//", "/"),
    ast.Mod: (r"%", "*"),
    ast.Pow: (r"\*\*", "*"),
    ast.BitAnd: (r"&", "|"),
    ast.BitOr: (r"\|", "&"),
    ast.LShift: (r"<<", ">>"),
    ast.RShift: (r">>", "<<"),
}
_BOOLEANS: dict[type[ast.boolop], tuple[str, str]] = {
    ast.And: (r"\band\b", "or"),
    ast.Or: (r"\bor\b", "and"),
}
# Arguments that are for people.
_PROSE = frozenset({"help", "description", "epilog", "doc", "metavar"})


class NotPythonError(ValueError):
    """The source is not Python that this interpreter can parse."""


def list_edits(source: bytes, lines: Container[int]) -> list[Edit]:
    """Return all edits of *source* that lie entirely within *lines* (numbers from 1), in order.

    Annotations, docstrings, f-strings, log messages and what only type checkers run are left alone:
    no test could tell. Raises NotPythonError.
    """
    try:
        source.decode("utf-8")
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(str(error)) from error
    if b"\r" in source.replace(b"\r\n", b"\n"):
        raise NotPythonError("lines end with a carriage return")
    visitor = _Visitor(source, lines)
    try:
        visitor.visit(tree)
    except RecursionError as error:
        raise NotPythonError("nested too deeply") from error
    return sorted(set(visitor.edits), key=lambda it: (it.start, it.end, it.operator, it.new))


def apply_edit(source: bytes, edit: Edit) -> bytes:
    """Return *source* with *edit*."""
    return source[: edit.start] + edit.new + source[edit.end :]


class _Visitor(EditingVisitor):
    """Makes the edits of each kind of node."""

    # -- what is left alone

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave f-strings alone: positions within them depend on the version of Python."""

    def visit_arg(self, node: ast.arg) -> None:
        """Leave annotations of parameters alone."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Visit the value alone."""
        if node.value:
            self.visit(node.value)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        everything = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        for value in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(value)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._parameters.append({it.arg for it in everything})
        self._visit_body(node.body)
        self._parameters.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit defaults, decorators and body."""
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Visit defaults, decorators and body."""
        self._visit_function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit decorators and body."""
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._visit_body(node.body)

    def _visit_body(self, body: Sequence[ast.stmt]) -> None:
        for index, statement in enumerate(body):
            if index == 0 and is_docstring(statement):
                continue
            self.visit(statement)
            if index + 1 < len(body) and self._parameters and is_plain(statement):
                self._replace("early-return", statement, b"return None")

    def visit_Module(self, node: ast.Module) -> None:
        """Visit the statements."""
        self._visit_body(node.body)

    # -- statements

    def visit_If(self, node: ast.If) -> None:
        """Negate the condition, unless only type checkers know it."""
        if b"TYPE_CHECKING" in self._text(node.test):
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """Negate the condition."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Drop the statement."""
        if is_log_call(node.value) or isinstance(node.value, ast.Constant):
            return
        self._replace("dropped-statement", node, b"pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Replace the operator, drop the statement."""
        if type(node.op) in _ARITHMETIC:
            old, new = _ARITHMETIC[type(node.op)]
            self._replace_between("arithmetic", node.target, node.value, (old + "=", new + "="))
        self._replace("dropped-statement", node, b"pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Drop the statement, where names keep a value without it."""
        if all(self._keeps_value(target, node.value) for target in node.targets):
            self._replace("dropped-statement", node, b"pass")
        self.generic_visit(node)

    def _keeps_value(self, target: ast.expr, value: ast.expr) -> bool:
        if isinstance(target, ast.Attribute | ast.Subscript):
            return True
        if not isinstance(target, ast.Name):
            return False
        loaded = {it.id for it in ast.walk(value) if isinstance(it, ast.Name)}
        return target.id in loaded or any(target.id in names for names in self._parameters[-1:])

    def visit_Delete(self, node: ast.Delete) -> None:
        """Drop the statement."""
        self._replace("dropped-statement", node, b"pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        """Drop the statement."""
        self._replace("dropped-statement", node, b"pass")

    def visit_Break(self, node: ast.Break) -> None:
        """Drop the statement."""
        self._replace("dropped-statement", node, b"pass")

    def visit_Return(self, node: ast.Return) -> None:
        """Return None."""
        if node.value is None or is_none(node.value):
            return
        self._replace("early-return", node, b"return None")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Drop the statement, raise another exception; messages are left alone."""
        self._replace("dropped-statement", node, b"pass")
        named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(named, ast.Name):
            other = b"ValueError" if named.id == "RuntimeError" else b"RuntimeError"
            self._replace("wrong-exception", named, other)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Catch another exception."""
        if node.type is not None:
            self._replace("wrong-exception", node.type, b"ZeroDivisionError")
        self._visit_body(node.body)

    # -- expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        """Replace each operator."""
        operands = [node.left, *node.comparators]
        for index, operator in enumerate(node.ops):
            change = _COMPARISONS[type(operator)]
            self._replace_between("comparison", operands[index], operands[index + 1], change)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Replace each operator."""
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._replace_between("boolean", left, right, _BOOLEANS[type(node.op)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Replace the operator, but not where it formats a text."""
        is_text = isinstance(node.left, ast.Constant | ast.JoinedStr) and not isinstance(
            getattr(node.left, "value", ""), int | float
        )
        if type(node.op) in _ARITHMETIC and not is_text:
            change = _ARITHMETIC[type(node.op)]
            self._replace_between("arithmetic", node.left, node.right, change)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Remove `not`."""
        if isinstance(node.op, ast.Not):
            start, end = self._start(node), self._start(node.operand)
            kept = re.sub(rb"^not\b[ \t]*", b"", self._source[start:end])
            self._add("negation", start, end, kept)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Negate the condition."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Negate the conditions."""
        for condition in node.ifs:
            self._negate(condition)
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        """Move a bound by one."""
        for bound in (node.lower, node.upper):
            if bound is not None and not isinstance(bound, ast.Constant):
                self._replace("off-by-one", bound, b"(" + self._text(bound) + b") + 1")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Swap the first two arguments."""
        if len(node.args) > 1 and not any(isinstance(it, ast.Starred) for it in node.args[:2]):
            first, second = node.args[:2]
            between = self._source[self._end(first) : self._start(second)]
            swapped = self._text(second) + between + self._text(first)
            if b"#" not in between:
                self._add("swapped-arguments", self._start(first), self._end(second), swapped)
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        """Leave texts for people alone."""
        if node.arg not in _PROSE:
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Change the value: numbers by one, truth to its opposite, text to none."""
        value = node.value
        if isinstance(value, bool):
            self._replace("constant", node, str(not value).encode())
        elif isinstance(value, int | float) and not isinstance(value, complex):
            self._replace("constant", node, add_one(value))
        elif isinstance(value, str):
            self._replace("constant", node, b'""' if value else b'"mutant"')
        elif isinstance(value, bytes):
            self._replace("constant", node, b'b""' if value else b'b"mutant"')
