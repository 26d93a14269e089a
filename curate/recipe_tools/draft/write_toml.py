"""Render a draft as a recipe file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tomlkit
from tomlkit.items import AoT, InlineTable, Table

from curate.builders.images.install_script import EDITABLE
from curate.builders.requirements.checkout_projects import ROOT
from curate.recipe_tools.draft.build_tools import install_command, rebuild_command
from curate.recipe_tools.draft.facts import NO_PROCESSES, XDIST
from curate.recipe_tools.draft.observe import VERSION_PATTERN
from curate.recipe_tools.draft.propose import RecipeDraft
from curate.recipe_tools.draft.shell_commands import AS_MODULE
from curate.recipe_tools.draft.version_ranges import DraftValue, RangeDraft

_SOURCES = ("projects", "files", "extras", "groups", "add")  # keys of `requirements`
_VARIABLES = ("env_vars", "ci_env_vars")
_BUILT_AGAIN = "Built in the environment itself, as again after a patch, without a network."


def render_recipe(draft: RecipeDraft) -> str:
    """Return the TOML text of *draft*, with the reasons as comments.

    What all ranges share is in `[defaults]`; what equals the defaults of the schema is left out.
    """
    document = tomlkit.document()
    first, last = draft.seen[0].split()[0], draft.seen[-1].split()[0]
    document.add(tomlkit.comment(f"Drafted from {len(draft.seen)} commits, {first} to {last}."))
    for warning in draft.warnings:
        document.add(tomlkit.comment(warning))
    _add_repository(document, draft)
    ranges = [_collect_keys(each) for each in draft.ranges]
    common = {key: it for key, it in ranges[0].items() if all(r.get(key) == it for r in ranges)}
    for name, table in (
        ("paths", _make_paths_table(draft)),
        ("defaults", _make_table(common)),
    ):
        if table:
            document.add(tomlkit.nl())
            document.add(name, table)
    if len(ranges) > 1:
        document.add(tomlkit.nl())
        document.add("env", _make_ranges(draft.ranges, ranges, common))
    return tomlkit.dumps(document)


@dataclass(frozen=True, kw_only=True)
class _Key:
    """The value of a key, and a comment for each reason."""

    value: object
    comments: tuple[str, ...] = ()


_Keys = Mapping[str, _Key]  # "requirements.add" and the like for keys of `requirements`


def _collect_keys(each: RangeDraft) -> _Keys:
    """Return the keys of a range that differ from the defaults of the recipe schema."""
    facts = dict(each.facts)
    options = [it.value for it in facts.pop("options", ())]
    facts["add"] = _list_added(facts, options)
    if [it.value for it in facts.get("projects", ())] == [ROOT]:
        facts.pop("projects")
    keys: dict[str, _Key] = {}
    for kind in _SOURCES:
        values = facts.get(kind, ())
        if values:
            more = " (declared in no file)" if kind == "add" else ""
            keys[f"requirements.{kind}"] = _make_list(values, more)
    builds = [it.value.split(" ", 1) for it in facts.get("rebuilt", ())]
    if builds:
        keys["requirements.build_requires"] = _Key(value=True)
        installs = _list_installs(facts, [folder for _, folder in builds])
        keys["install"] = _Key(value=installs, comments=(_BUILT_AGAIN,))
    for kind in ("system_packages", "install"):
        if facts.get(kind):
            keys[kind] = _make_list(facts[kind])
    rebuilds = [rebuild_command(folder, builder) for builder, folder in builds]
    command = "; ".join([*rebuilds, _make_test_command(options)])
    if options or rebuilds:
        reasons = _list_reasons((*facts.get("rebuilt", ()), *each.facts.get("options", ())))
        keys["test_command"] = _Key(value=command, comments=reasons)
    for kind in _VARIABLES:
        if facts.get(kind):
            keys[kind] = _make_variables(facts[kind])
    return keys


def _list_installs(
    facts: Mapping[str, tuple[DraftValue, ...]], rebuilt: Sequence[str]
) -> tuple[str, ...]:
    """Return commands that install so that the same build works again, without a network."""
    others = {it.value for it in facts.get("projects", ())} - {*rebuilt}
    return (*((EDITABLE,) if others else ()), *map(install_command, rebuilt))


def _list_added(
    facts: Mapping[str, tuple[DraftValue, ...]], options: Sequence[str]
) -> tuple[DraftValue, ...]:
    """Return the requirements to add, with the plugin of the option for one process."""
    every = {it.value: it for kind in ("plugins", "add") for it in facts.get(kind, ())}
    found = {
        name: it for name, it in every.items() if ";" not in name or name.split(" ")[0] not in every
    }
    if NO_PROCESSES in options:
        found.setdefault(XDIST, DraftValue(value=XDIST, reason=f"for {NO_PROCESSES}"))
    return tuple(found.values())


def _make_test_command(options: Sequence[str]) -> str:
    """Return the command: pytest, which also runs unittest's and most of nose's tests."""
    head = "python -m pytest" if AS_MODULE in options else "pytest"
    more = [it.replace("{", "{{").replace("}", "}}") for it in options if it != AS_MODULE]
    return " ".join([head, *more, "{tests}"])


def _make_list(values: Sequence[DraftValue], more: str = "") -> _Key:
    names = tuple(it.value for it in values)
    return _Key(value=names, comments=tuple(it + more for it in _list_reasons(values)))


def _make_variables(values: Sequence[DraftValue]) -> _Key:
    pairs = [it.value.partition("=") for it in values]
    names = [
        DraftValue(value=name, reason=it.reason)
        for (name, _, _), it in zip(pairs, values, strict=True)
    ]
    return _Key(value={name: value for name, _, value in pairs}, comments=_list_reasons(names))


def _list_reasons(values: Sequence[DraftValue]) -> tuple[str, ...]:
    """Return one line per reason, with all its values."""
    by_reason: dict[str, list[str]] = {}
    for it in values:
        by_reason.setdefault(it.reason, []).append(it.value)
    return tuple(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def _add_repository(document: tomlkit.TOMLDocument, draft: RecipeDraft) -> None:
    document.add("repo", tomlkit.item(draft.repo))
    if draft.import_name:
        document.add("import_name", tomlkit.item(draft.import_name))
    if draft.version_file:
        document.add(tomlkit.comment(draft.version_file.reason))
        pattern = tomlkit.string(VERSION_PATTERN, literal=True, multiline=True)
        version = {"rule": "file", "file": draft.version_file.value, "pattern": pattern}
        document.add("version", _make_inline_table(version))


def _make_paths_table(draft: RecipeDraft) -> Table:
    table = tomlkit.table()
    if draft.test_paths:
        for line in _list_reasons(draft.test_paths):
            table.add(tomlkit.comment(line))
        table.add("tests", tomlkit.item([it.value for it in draft.test_paths]))
    return table


def _make_ranges(ranges: Sequence[RangeDraft], keys: Sequence[_Keys], common: _Keys) -> AoT:
    """Return the `[[env]]` tables, the newest version first."""
    tables = tomlkit.aot()
    for each, own in reversed(list(zip(ranges, keys, strict=True))):
        different = {key: it for key, it in own.items() if key not in common}
        table = tomlkit.table()
        table.add("versions", each.versions)
        table = _make_table(different, table)
        tables.append(table)
    return tables


def _make_table(keys: _Keys, table: Table | None = None) -> Table:
    """Add *keys* and their comments to *table*; keys of `requirements` are one line."""
    table = tomlkit.table() if table is None else table
    sources = {key.partition(".")[2]: it for key, it in keys.items() if "." in key}
    for key in sources.values():
        _add_comments(table, key)
    if sources:
        values = {name: it.value for name, it in sources.items()}
        table.add("requirements", _make_inline_table(values))
    for name, key in keys.items():
        if "." not in name:
            _add_comments(table, key)
            value = key.value
            table.add(name, _make_inline_table(value) if isinstance(value, dict) else _item(value))
    return table


def _add_comments(table: Table, key: _Key) -> None:
    for line in key.comments:
        table.add(tomlkit.comment(line))


def _item(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _make_inline_table(values: Mapping[str, object]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update({name: _item(value) for name, value in values.items()})
    return table
