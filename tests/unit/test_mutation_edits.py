"""Small mistakes in Python source: what is changed, what is not; and statements as lines."""

import ast

import pytest

from curate.measure.edits import NotPythonError, apply_edit, list_edits
from curate.measure.statements import Executed, list_executing, list_statements

EVERYTHING = range(1, 1_000)


def mutate(source: str, lines: range = EVERYTHING) -> dict[str, list[str]]:
    """The changed lines by operator, without indentation."""
    data = source.encode()
    found: dict[str, list[str]] = {}
    for edit in list_edits(data, lines):
        changed = apply_edit(data, edit)
        assert changed.count(b"\n") == data.count(b"\n")
        ast.parse(changed)
        line = changed.split(b"\n")[edit.line - 1].decode().strip()
        found.setdefault(edit.operator, []).append(line)
    return found


@pytest.mark.parametrize(
    ("source", "operator", "expected"),
    [
        ("a < b", "comparison", ["a <= b"]),
        ("a is not b", "comparison", ["a is b"]),
        ("a not  in b", "comparison", ["a in b"]),
        ("x = a == b != c", "comparison", ["x = a != b != c", "x = a == b == c"]),
        ("(a) and (b)", "boolean", ["(a) or (b)"]),
        ("x = not (a)", "negation", ["x = (a)"]),
        ("if a: f()", "negation", ["if not (a): f()"]),
        ("x = b if a else c", "negation", ["x = b if not (a) else c"]),
        ("x = [i for i in y if i]", "negation", ["x = [i for i in y if not (i)]"]),
        ("x = 1", "constant", ["x = 2"]),
        ("x = True", "constant", ["x = False"]),
        ("x = 'a'", "constant", ['x = ""']),
        ("x = a + b", "arithmetic", ["x = a - b"]),
        ("a //= b", "arithmetic", ["a /= b"]),
        ("f(a, b, c)", "swapped-arguments", ["f(b, a, c)"]),
        ("f(a, b)", "dropped-statement", ["pass"]),
        ("x.y = 1", "dropped-statement", ["pass"]),
        ("def f(x):\n    x = g(x)\n    return x", "dropped-statement", ["pass"]),
        ("def f():\n    return 1", "early-return", ["return None"]),
        ("x = a[b:c]", "off-by-one", ["x = a[(b) + 1:c]", "x = a[b:(c) + 1]"]),
        ("raise ValueError(a)", "wrong-exception", ["raise RuntimeError(a)"]),
        ("try: f()\nexcept E: pass", "wrong-exception", ["except ZeroDivisionError: pass"]),
        ("x = '\u00fc' < a", "comparison", ["x = '\u00fc' <= a"]),  # columns count bytes
    ],
)
def test_operators(source: str, operator: str, expected: list[str]) -> None:
    assert mutate(source + "\n")[operator] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""docstring"""',
        "log.debug('x', 1)",
        "self._logger.warning(f(x))",
        "x: int",
        "def f(a: 'int'): pass",
        "if TYPE_CHECKING: import x",
        "x = f'{a < b}'",
        "pass",
        "x = None",
    ],
)
def test_what_no_test_can_be_asked_for_is_left_alone(source: str) -> None:
    assert not mutate(source + "\n")


def test_texts_for_people_stay() -> None:
    assert "constant" not in mutate("raise E('a text', 1)\n")
    assert mutate("add(help='a text')\n") == {"dropped-statement": ["pass"]}


def test_only_given_lines_change() -> None:
    source = "x = 1\ny = 2\nz = f(\n    3,\n)\n"
    assert mutate(source, range(2, 3)) == {"constant": ["y = 3"]}
    assert mutate(source, range(4, 5)) == {"constant": ["4,"]}


@pytest.mark.parametrize(
    "source", [b"print 'x'\n", b"x = (\n", b"\xff\n", b"x = 1\0\n", b"x = 1\ry = 2\n"]
)
def test_what_is_not_python_is_said(source: bytes) -> None:
    with pytest.raises(NotPythonError):
        list_edits(source, EVERYTHING)


def test_deep_nesting_is_not_python() -> None:
    with pytest.raises(NotPythonError):
        list_edits(b"(" * 3_000 + b")" * 3_000 + b"\n", EVERYTHING)


STATEMENTS = b'''"""Doc."""
import x

@decorator
def f(a,
      b=1):
    """Doc."""
    if (a and
            b):
        return g(
            a)
    global z
    for i in a: h(i)
    try:
        pass
    except E:
        raise
'''


def test_statements_are_ranges_of_lines() -> None:
    found = {(it.start, it.stop) for it in list_statements(STATEMENTS, EVERYTHING)}
    assert found == {(2, 3), (8, 10), (10, 12), (13, 14), (15, 16), (17, 18)}
    only = {(it.start, it.stop) for it in list_statements(STATEMENTS, {9, 11})}
    assert only == {(8, 10), (10, 12)}


def test_tests_that_execute_lines() -> None:
    executed: Executed = {".": {"m.py": (1, 2)}, "t::a": {"m.py": (5,)}, "t::b": {"n.py": (5,)}}
    assert list_executing(executed, "m.py", range(2, 6)) == [".", "t::a"]
    assert list_executing(executed, "m.py", {9}) == []
