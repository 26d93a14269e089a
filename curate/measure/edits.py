"""Small wrong variants of Python source: one edit each, of an expression or a statement.

The operators are those of mutation testing: comparison, boolean, constant, arithmetic, dropped
statement, swapped arguments, early return, negation, off by one, wrong exception. An edit keeps the
number of lines, so that line numbers mean the same before and after it.
"""

import ast
import codecs
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import accumulate

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
_LOGGING = re.compile(r"_?(?:log|logger|logging)", re.IGNORECASE)
_LOG_METHODS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical"})

# Arguments that are for people.
_PROSE = frozenset({"help", "description", "epilog", "doc", "metavar"})

Positioned = ast.expr | ast.stmt


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One replacement in a source: byte offsets, the new bytes, and the line where it begins."""

    operator: str
    line: int
    start: int
    end: int
    new: bytes


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


class _Visitor(ast.NodeVisitor):
    """Collects the edits of a tree."""

    def __init__(self, source: bytes, lines: Container[int]) -> None:
        self.edits: list[Edit] = []
        self._source, self._lines = source, lines
        # Start of line n at index n; columns do not count a byte order mark.
        first = len(codecs.BOM_UTF8) if source.startswith(codecs.BOM_UTF8) else 0
        lengths = (len(line) + 1 for line in source.split(b"\n"))
        self._starts = [0, *accumulate(lengths, initial=0)]
        self._starts[1] = first
        self._parameters: list[set[str]] = []  # of the functions around

    # -- text

    def _start(self, node: Positioned) -> int:
        return self._starts[node.lineno] + node.col_offset

    def _end(self, node: Positioned) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno] + node.end_col_offset

    def _text(self, node: Positioned) -> bytes:
        return self._source[self._start(node) : self._end(node)]

    def _add(self, operator: str, start: int, end: int, new: bytes) -> None:
        """Add an edit if all its lines may be changed; it keeps their number."""
        first = self._source.count(b"\n", 0, start) + 1
        old = self._source[start:end]
        missing = old.count(b"\n") - new.count(b"\n")
        touched = range(first, first + old.count(b"\n") + 1)
        if missing < 0 or old == new or not all(number in self._lines for number in touched):
            return
        self.edits.append(
            Edit(operator=operator, line=first, start=start, end=end, new=new + b"\n" * missing)
        )

    def _replace(self, operator: str, node: Positioned, new: bytes) -> None:
        self._add(operator, self._start(node), self._end(node), new)

    def _replace_between(
        self, operator: str, left: Positioned, right: Positioned, change: tuple[str, str]
    ) -> None:
        """Replace the operator between two operands; *change* is (pattern, new)."""
        start, end = self._end(left), self._start(right)
        between = self._source[start:end]
        found = list(re.finditer(change[0].encode(), between))
        if len(found) == 1 and b"#" not in between:
            begin, stop = found[0].span()
            self._add(operator, start + begin, start + stop, change[1].encode())

    def _negate(self, test: ast.expr) -> None:
        if not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self._replace("negation", test, b"not (" + self._text(test) + b")")

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
            if index == 0 and _is_docstring(statement):
                continue
            self.visit(statement)
            if index + 1 < len(body) and self._parameters and _is_plain(statement):
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
        if _is_log_call(node.value) or isinstance(node.value, ast.Constant):
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
        if node.value is None or _is_none(node.value):
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
            self._replace("constant", node, _add_one(value))
        elif isinstance(value, str):
            self._replace("constant", node, b'""' if value else b'"mutant"')
        elif isinstance(value, bytes):
            self._replace("constant", node, b'b""' if value else b'b"mutant"')


def _add_one(value: float) -> bytes:
    try:
        return repr(value + 1).encode()
    except (OverflowError, ValueError):  # a number of thousands of digits
        return b"0"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_plain(node: ast.stmt) -> bool:
    """Whether a statement may be replaced by a return: one that neither jumps nor defines."""
    if isinstance(node, ast.Expr) and (_is_log_call(node.value) or _yields(node)):
        return False
    return isinstance(node, ast.Expr | ast.Assign | ast.AugAssign)


def _yields(node: ast.AST) -> bool:
    return any(isinstance(it, ast.Yield | ast.YieldFrom) for it in ast.walk(node))


def _is_log_call(node: ast.expr) -> bool:
    """Whether *node* is a call as `logger.debug(…)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.func.attr in _LOG_METHODS and bool(_LOGGING.fullmatch(name))
