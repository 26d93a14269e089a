"""Expressions of GitHub Actions, as far as the text of the workflow decides their values."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from curate.recipe_tools.draft.ci_yaml import replace_strings

Values = Mapping[str, str]
"""Dotted names ("matrix.python", "env.FILE", "inputs.extra") and what is known of them.

Where "matrix" itself is among them, all its variables are known: others are empty.
"""

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\|\||&&|==|!=|[!(),]|[\w.*-]+)")
_FALSE = ("", "false", "0", "null")
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part.lower() in text.lower(),
    "startswith": lambda text, part: text.lower().startswith(part.lower()),
    "endswith": lambda text, part: text.lower().endswith(part.lower()),
}


def resolve(node: Any, values: Values) -> Any:
    """Return *node* with the expressions of all its strings replaced, as far as *values* say."""

    def replace_one(found: re.Match[str]) -> str:
        value = evaluate(found[1], values)
        return found[0] if value is None else value

    return replace_strings(node, lambda text: _EXPRESSION.sub(replace_one, text))


def evaluate(expression: str, values: Values) -> str | None:
    """Return the value of *expression* as text; None if it is not known."""
    text = _EXPRESSION.sub(r"\1", expression).strip()
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", text):
        return None  # an operator that is not known here
    parser = _Parser(tokens, values)
    value = parser.read_or()
    return None if parser.tokens else value


def is_true(value: str | None) -> bool | None:
    """Whether a *value* counts as true; None for an unknown one."""
    return None if value is None else value not in _FALSE


def flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the dotted names, from *name* on, of a value and of what tables in it have."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(f"{name}.{key}", item)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif isinstance(value, str | int | float):
        yield name, str(value)


class _Parser:
    """Evaluates *tokens* from left to right; operators bind as in GitHub's language."""

    def __init__(self, tokens: list[str], values: Values) -> None:
        self.tokens, self._values = tokens, values

    def read_or(self) -> str | None:
        value = self._read_and()
        while self._accept("||"):
            other = self._read_and()
            value = other if is_true(value) is False else value
        return value

    def _read_and(self) -> str | None:
        value = self._read_comparison()
        while self._accept("&&"):
            other = self._read_comparison()
            value = other if is_true(value) else value
        return value

    def _read_comparison(self) -> str | None:
        left = self._read_value()
        for operator in ("==", "!="):
            if self._accept(operator):
                right = self._read_value()
                if left is None or right is None:
                    return None
                return _to_text((left.lower() == right.lower()) is (operator == "=="))
        return left

    def _read_value(self) -> str | None:
        token = self.tokens.pop(0) if self.tokens else ""
        if token == "!":
            truth = is_true(self._read_value())
            return None if truth is None else _to_text(not truth)
        if token == "(":
            value = self.read_or()
            self._accept(")")
            return value
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._accept("("):
            return _call(token.lower(), self._read_arguments())
        if re.fullmatch(r"true|false|-?[\d.]+", token):
            return token
        unknown = "" if token.startswith("matrix.") and "matrix" in self._values else None
        return self._values.get(token, unknown)

    def _read_arguments(self) -> list[str | None]:
        arguments: list[str | None] = []
        while self.tokens and not self._accept(")"):
            arguments.append(self.read_or())
            self._accept(",")
        return arguments

    def _accept(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        self.tokens.pop(0)
        return True


def _call(function: str, arguments: list[str | None]) -> str | None:
    known = [it for it in arguments if it is not None]
    if len(known) < len(arguments) or not known:
        return None
    if function == "format":
        parts = known[1:]
        return re.sub(
            r"\{(\d+)\}", lambda it: parts[int(it[1])] if int(it[1]) < len(parts) else "", known[0]
        )
    test = _TESTS.get(function)
    return _to_text(test(known[0], known[1])) if test and len(known) == 2 else None


def _to_text(truth: object) -> str:
    return "true" if truth else "false"
