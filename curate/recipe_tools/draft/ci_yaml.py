"""What all CI configurations have in common: YAML, jobs as lists of steps, parameters."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.conda_lock import list_sources
from curate.recipe_tools.draft.job import CIJob, JobFindings, is_other_purpose
from curate.recipe_tools.draft.shell_commands import read_commands

_OTHER_SYSTEM = re.compile(r"windows|win32|macos|osx|darwin", re.IGNORECASE)
_NEGATED = re.compile(r"!=|!contains|!startsWith|ne\(")
_MAX_DEPTH = 10  # tables within tables


@dataclass(frozen=True, kw_only=True)
class CIStep:
    """Shell commands of a job, the folder in which they run, and the condition under which."""

    commands: str
    folder: str = ""
    condition: str = ""

    @property
    def is_for_other_system(self) -> bool:
        """Whether the condition says that it is not for Linux."""
        named = _OTHER_SYSTEM.search(self.condition)
        return bool(named) and not _NEGATED.search(self.condition)


@dataclass(frozen=True, kw_only=True)
class CIJobTable:
    """A job of any CI service."""

    origin: str
    name: str = ""
    steps: Sequence[CIStep] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    shell_variables: Mapping[str, str] = field(
        default_factory=dict
    )  # that steps set for later ones
    system: Sequence[str] = ()  # Debian packages


def read_job(tree: FileTree, variants: Sequence[CIJobTable]) -> CIJob:
    """Read the commands of a job: of the *variants* that its matrix makes of it, at least one.

    Packages by name, and variables, count only if all variants have them.
    """
    total = _read_variant(tree, variants[0])
    for table in variants[1:]:
        total.merge_variant(_read_variant(tree, table))
    return CIJob(origin=variants[0].origin, findings=total, name=variants[0].name)


def _read_variant(tree: FileTree, table: CIJobTable) -> JobFindings:
    """Return what the commands of *table* say.

    A condition that is not known and names no other system may hold in any part of a matrix, so
    its step adds no packages by name, which would hold for all.
    """
    found = JobFindings()
    variables = {**table.variables, **table.shell_variables}
    plain = {name: value for name, value in variables.items() if "${{" not in value}
    for step in table.steps:
        if step.is_for_other_system:
            continue
        part = read_commands(step.commands, tree, plain, step.folder)
        if re.search(r"matrix\.|variables\[|TOXENV", step.condition):
            part.packages = []
        found.merge_from(part)
    found.files = list(dict.fromkeys(it for file in found.files for it in list_sources(tree, file)))
    found.system += [name for name in table.system if name not in found.system]
    found.variables |= table.variables
    named = re.split(r"[,\s]+", found.variables.get("TOXENV", found.variables.get("TOX_ENV", "")))
    if "tox" in found.elsewhere and named != [""] and all(map(is_other_purpose, named)):
        found.elsewhere.remove("tox")
    return found


def load_yaml(tree: FileTree, path: str) -> dict[str, Any]:
    """Return the table in the YAML file *path*; an empty one if there is none."""
    if not path.endswith((".yml", ".yaml")):
        return {}
    try:
        data = yaml.load(decode_text(tree.read(path) or b""), Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


class _Loader(yaml.SafeLoader):
    """Reads tags of a CI service (GitLab's `!reference`) as what they stand in front of."""


def _read_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _read_tag)


def substitute(node: Any, pattern: re.Pattern[str], values: Mapping[str, Any]) -> Any:
    """Replace the parameters that *pattern* finds anywhere in *node*; unknown ones stay."""

    def replace_one(found: re.Match[str]) -> str:
        value = values.get(found[1])
        return found[0] if value is None or isinstance(value, dict | list) else str(value)

    return replace_strings(node, lambda text: pattern.sub(replace_one, text))


def replace_strings(node: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """Return *node* with every string in it changed."""
    if isinstance(node, str):
        return change(node)
    if depth > _MAX_DEPTH:
        return node
    if isinstance(node, list):
        return [replace_strings(each, change, depth + 1) for each in node]
    if isinstance(node, dict):
        return {key: replace_strings(each, change, depth + 1) for key, each in node.items()}
    return node


def join_lines(value: Any) -> str:
    """Return a script that is a string or a list of them, also nested, as one text."""
    if isinstance(value, str):
        return value
    return "\n".join(map(join_lines, value)) if isinstance(value, list) else ""


def iter_tables(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the tables in a list; nothing for anything else."""
    yield from (
        item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict)
    )


def as_table(value: Any) -> dict[str, Any]:
    """Return *value* if it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def plain_variables(*tables: Any) -> dict[str, str]:
    """Merge tables of variables, later ones first; what is no scalar is left out."""
    found: dict[str, str] = {}
    for table in tables:
        found |= {
            str(k): str(v).lower() if isinstance(v, bool) else str(v)
            for k, v in as_table(table).items()
            if isinstance(v, str | int | float)
        }
    return found


JobFinder = Callable[[FileTree], Iterator[Sequence[CIJobTable]]]
"""Finds the jobs of a CI service; of each the variants that a matrix makes of it."""
