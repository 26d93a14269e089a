"""Which branches of a shell script run, as far as its variables are known; nothing is executed."""

import re
import shlex
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

_STATEMENT = re.compile(  # comments, quoted strings, and other characters than semicolons
    r"(?:(?<!\S)#.*|[^;'\"#]|#|'[^']*'|\"(?:\\.|[^\"\\])*\"|['\"])+"
)
_KEYWORD = re.compile(r"^\s*(if|elif|then|else|fi)(?=\s|$)\s*")
_GUARD = re.compile(r"^\s*(\[\[? .+? \]\]?)\s*(&&|\|\|)\s*(?!.*(?:&&|\|\|))(.+)$")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)(?::?-([^}]*))?\}?")
_BRACKETS = frozenset({"[", "]", "[[", "]]", "test"})


def iter_taken(text: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements of *text* that may run: all but those of branches not taken.

    *variables* are read while the caller reads the statements, and may change between them.
    """
    branches: list[_Branch] = []
    for line in text.splitlines():
        for statement in _STATEMENT.findall(line):
            rest = _follow_keywords(statement, branches, variables)
            if rest and all(it.is_taken for it in branches):
                yield from _skip_guarded(rest, variables)


class _Branch:
    """An `if` that is being read: whether its present branch may run."""

    def __init__(self) -> None:
        self.is_taken = True
        self.is_decided = False  # an earlier branch runs for certain

    def enter(self, *, condition: bool | None) -> None:
        self.is_taken = not self.is_decided and condition is not False
        self.is_decided |= condition is True


def _follow_keywords(statement: str, branches: list[_Branch], variables: Mapping[str, str]) -> str:
    """Return the command of *statement* after keywords, which are followed; "" without one."""
    while keyword := _KEYWORD.match(statement):
        statement = statement[keyword.end() :]
        if keyword[1] == "fi":
            del branches[-1:]
        elif keyword[1] == "else" and branches:
            branches[-1].enter(condition=True)
        elif keyword[1] in ("if", "elif"):
            if keyword[1] == "if" or not branches:
                branches.append(_Branch())
            condition = evaluate_condition(statement, variables)
            branches[-1].enter(condition=condition)
            return "" if condition is not None else statement
    return statement.strip()


def _skip_guarded(command: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield *command* unless it is `[ … ] && …` whose condition does not hold."""
    guard = _GUARD.match(command)
    holds = evaluate_condition(guard[1], variables) if guard else None
    if guard is None or holds is None:
        yield command
    elif holds is (guard[2] == "&&"):
        yield guard[3]


def evaluate_condition(condition: str, variables: Mapping[str, str]) -> bool | None:
    """Whether a test like `[[ "$A" == b* ]]` holds; None if that is not known."""
    try:
        words = shlex.split(condition)
    except ValueError:
        return None
    if words[:1] == ["!"]:
        inner = evaluate_condition(shlex.join(words[1:]), variables)
        return None if inner is None else not inner
    if not words or words[0] not in _BRACKETS:
        return None
    return _evaluate_any([it for it in words if it not in _BRACKETS], variables)


def _evaluate_any(words: list[str], variables: Mapping[str, str]) -> bool | None:
    for operators, decisive in ((("||", "-o"), True), (("&&", "-a"), False)):
        place = next((i for i, word in enumerate(words) if word in operators), None)
        if place is not None:
            sides = [_evaluate_any(it, variables) for it in (words[:place], words[place + 1 :])]
            return decisive if decisive in sides else None if None in sides else not decisive
    return _compare([_expand(word, variables) for word in words])


def _compare(words: list[str]) -> bool | None:
    if any("$" in word for word in words):
        return None
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return (words[1] != "") is (words[0] == "-n")
    if len(words) == 3 and words[1] in ("==", "=", "!="):
        return fnmatchcase(words[0], words[2]) is (words[1] != "!=")
    return None


def _expand(word: str, variables: Mapping[str, str]) -> str:
    """Replace known variables; unknown ones stay."""
    return _VARIABLE.sub(lambda it: variables.get(it[1], it[0]), word)
