"""A draft as the text of a recipe file."""

import json
from collections.abc import Iterator, Sequence

from curate.recipe_tools.draft.observe import VERSION_PATTERN
from curate.recipe_tools.draft.propose import Draft, Fact

WIDTH = 100


def recipe_text(draft: Draft) -> str:
    """TOML that says what *draft* does and, in comments, why."""
    lines = list(_head(draft))
    if draft.test_paths:
        lines += ["", "[paths]", *_list("tests", draft.test_paths)]
    body = list(_defaults(draft))
    if body:
        lines += ["", "[defaults]", *body]
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    first, last = draft.seen[0].split()[0], draft.seen[-1].split()[0]
    yield f"# Drafted from {len(draft.seen)} commits, {first} to {last}."
    yield from (f"# {remark}" for remark in draft.remarks)
    yield f"repo = {_string(draft.repo)}"
    if draft.import_name:
        yield f"import = {_string(draft.import_name.value)}"
    if draft.version_file:
        yield f"# {draft.version_file.reason}"
        file, pattern = _string(draft.version_file.value), f"'''{VERSION_PATTERN}'''"
        yield f'version = {{ rule = "file", file = {file}, pattern = {pattern} }}'


def _defaults(draft: Draft) -> Iterator[str]:
    """Keys that differ from the defaults of every recipe."""
    for name in ("files", "extras", "groups", "extra"):
        yield from _comments(getattr(draft, name), "" if name != "extra" else " (no file has it)")
    tables = {
        name: [fact.value for fact in getattr(draft, name)]
        for name in ("files", "extras", "groups", "extra")
    }
    told = [f"{name} = {_array(values)}" for name, values in tables.items() if values]
    if told:
        yield f"requirements = {{ {', '.join(told)} }}"
    if draft.system:
        yield from _list("system", draft.system)
    if draft.test.reason:
        yield f"test = {_string(draft.test.value)}  # {draft.test.reason}"
    if draft.variables:
        yield from _comments(
            [Fact(value=name, reason=fact.reason) for name, fact in draft.variables.items()]
        )
        told = [f"{name} = {_string(fact.value)}" for name, fact in draft.variables.items()]
        yield f"environment = {{ {', '.join(told)} }}"


def _list(key: str, facts: Sequence[Fact]) -> Iterator[str]:
    yield from _comments(facts)
    yield f"{key} = {_array([fact.value for fact in facts])}"


def _comments(facts: Sequence[Fact], more: str = "") -> Iterator[str]:
    """One line for all values of one reason."""
    by_reason: dict[str, list[str]] = {}
    for fact in facts:
        by_reason.setdefault(fact.reason, []).append(fact.value)
    for reason, values in by_reason.items():
        yield f"# {', '.join(values)}: {reason}{more}"


def _array(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_string, values))}]"


def _string(text: str) -> str:
    """A TOML basic string; JSON's is one but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
