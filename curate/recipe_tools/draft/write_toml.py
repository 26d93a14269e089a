"""Render a draft as a recipe file."""

from collections.abc import Mapping, Sequence

import tomlkit
from tomlkit.items import InlineTable, Table

from curate.recipe_tools.draft.observe import VERSION_PATTERN
from curate.recipe_tools.draft.propose import DraftValue, RecipeDraft

SOURCES = ("files", "extras", "groups", "add")  # keys of `requirements`


def render_recipe(draft: RecipeDraft) -> str:
    """Return the TOML text of *draft*, with the reasons as comments."""
    document = tomlkit.document()
    first, last = draft.seen[0].split()[0], draft.seen[-1].split()[0]
    document.add(tomlkit.comment(f"Drafted from {len(draft.seen)} commits, {first} to {last}."))
    for warning in draft.warnings:
        document.add(tomlkit.comment(warning))
    _add_repository(document, draft)
    for name, table in (
        ("paths", _make_paths_table(draft)),
        ("defaults", _make_defaults_table(draft)),
    ):
        if table:
            document.add(tomlkit.nl())
            document.add(name, table)
    return tomlkit.dumps(document)


def _add_repository(document: tomlkit.TOMLDocument, draft: RecipeDraft) -> None:
    document.add("repo", tomlkit.item(draft.repo))
    if draft.import_name:
        document.add("import_name", tomlkit.item(draft.import_name.value))
    if draft.version_file:
        document.add(tomlkit.comment(draft.version_file.reason))
        pattern = tomlkit.string(VERSION_PATTERN, literal=True, multiline=True)
        version = {"rule": "file", "file": draft.version_file.value, "pattern": pattern}
        document.add("version", _make_inline_table(version))


def _make_paths_table(draft: RecipeDraft) -> Table:
    table = tomlkit.table()
    if draft.test_paths:
        _add_list(table, "tests", draft.test_paths)
    return table


def _make_defaults_table(draft: RecipeDraft) -> Table:
    """Return the table of keys that differ from the defaults of the recipe schema."""
    table = tomlkit.table()
    sources: dict[str, tuple[DraftValue, ...]] = {name: getattr(draft, name) for name in SOURCES}
    for name, facts in sources.items():
        _add_comment(table, facts, " (declared in no file)" if name == "add" else "")
    named = {name: [fact.value for fact in facts] for name, facts in sources.items() if facts}
    if named:
        table.add("requirements", _make_inline_table(named))
    if draft.system_packages:
        _add_list(table, "system_packages", draft.system_packages)
    if draft.test_command.reason:
        table.add(
            "test_command",
            tomlkit.item(draft.test_command.value).comment(draft.test_command.reason),
        )
    if draft.env_vars:
        names = [DraftValue(value=name, reason=it.reason) for name, it in draft.env_vars.items()]
        _add_comment(table, names)
        variables = {name: fact.value for name, fact in draft.env_vars.items()}
        table.add("env_vars", _make_inline_table(variables))
    return table


def _add_list(table: Table, key: str, facts: Sequence[DraftValue]) -> None:
    _add_comment(table, facts)
    table.add(key, tomlkit.item([fact.value for fact in facts]))


def _add_comment(table: Table, facts: Sequence[DraftValue], more: str = "") -> None:
    """Add one comment line per reason, with all its values."""
    by_reason: dict[str, list[str]] = {}
    for fact in facts:
        by_reason.setdefault(fact.reason, []).append(fact.value)
    for reason, values in by_reason.items():
        table.add(tomlkit.comment(f"{', '.join(values)}: {reason}{more}"))


def _make_inline_table(values: Mapping[str, object]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(values)
    return table
