"""Tasks from rows of a release."""

import json
from dataclasses import replace
from typing import Any

from curate.builders.model import ResourceLimits
from curate.core.errors import ConfigurationError
from curate.core.task import Task
from curate.releases.row import Row, get_list, get_str

TASK_COLUMNS = (
    "instance_id",
    "repo",
    "base_commit",
    "problem_statement",
    "hints_text",
    "image",
    "image_digest",
    "patch",
    "test_patch",
    "test_command",
    "env_vars",
    "limits",
    "protected_paths",
    "fail_to_pass_node_ids",
    "pass_to_pass_node_ids",
)
"""The columns that a task is made of."""


def make_task(row: Row) -> Task:
    """Return the task of a row with at least `TASK_COLUMNS`.

    Raises ConfigurationError for a row that lacks one, or has another type there.
    """
    try:
        return _make_task(row)
    except (KeyError, TypeError, ValueError) as error:
        name = row.get("instance_id", "a row")
        raise ConfigurationError(
            f"{name} cannot be graded: {_describe(error)}.",
            hint="Rows need the columns of schema 2.2 or newer: publish or export them again.",
        ) from error


def _describe(error: Exception) -> str:
    return f"it has no column {error}" if isinstance(error, KeyError) else str(error)


def _make_task(row: Row) -> Task:
    return Task(
        instance_id=get_str(row, "instance_id"),
        repo=get_str(row, "repo"),
        base_commit=get_str(row, "base_commit"),
        problem_statement=get_str(row, "problem_statement"),
        hints_text=get_str(row, "hints_text"),
        image=get_str(row, "image"),
        image_digest=get_str(row, "image_digest"),
        gold=get_str(row, "patch").encode(),
        test_patch=get_str(row, "test_patch").encode(),
        test_command=get_str(row, "test_command"),
        env_vars=json.loads(get_str(row, "env_vars")),
        limits=_read_limits(json.loads(get_str(row, "limits"))),
        fail_to_pass=tuple(get_list(row, "fail_to_pass_node_ids")),
        pass_to_pass=tuple(get_list(row, "pass_to_pass_node_ids")),
        protected_paths=tuple(get_list(row, "protected_paths")),
    )


def _read_limits(values: Any) -> ResourceLimits:
    """Return limits by name; a release of a later version may have further ones."""
    known = {name: values[name] for name in vars(ResourceLimits()) if name in values}
    return replace(ResourceLimits(), **known)
