"""Scripts that are copied into sandboxes as one file, made of several modules."""

import ast
from collections import Counter

import pytest

from curate.builders.inline_source import read_standalone_source
from curate.builders.pytest_plugin import REPORTER, read_plugin_source
from curate.builders.pytest_plugin.source import GRADER, STATUS
from curate.harness.protection import read_preparation_source

SOURCES = {
    REPORTER: read_plugin_source(REPORTER),
    STATUS: read_plugin_source(STATUS),
    GRADER: read_plugin_source(GRADER),
    "prepare_checkout": read_preparation_source(),
    "verify_task": read_standalone_source(
        "curate.harness", "verify_task", "curate.builders.pytest_plugin"
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_no_module_takes_a_name_of_another(name: str) -> None:
    tree = ast.parse(SOURCES[name])
    names = Counter(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )
    names.update(
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    )
    assert [name for name, count in names.items() if count > 1] == []
