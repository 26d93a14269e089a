"""Expressions in GitHub's workflows, as far as their values are known."""

from collections.abc import Mapping

import pytest

from curate.recipe_tools.draft.github_expressions import evaluate

VALUES: Mapping[str, str] = {"matrix": "known", "matrix.os": "ubuntu-latest", "env.F": "f.yml"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("matrix.os", "ubuntu-latest"),
        ("matrix.other", ""),
        ("env.G", None),
        ("matrix.other || env.F", "f.yml"),
        ("env.G || 'x'", None),
        ("startsWith(matrix.os, 'Windows') && 'w.yml' || 'u.yml'", "u.yml"),
        ("format('ci/{0}-{1}', matrix.os, 'it''s')", "ci/ubuntu-latest-it's"),
        ("!(matrix.os == 'ubuntu-latest')", "false"),
        ("hashFiles('x')", None),
        ("matrix.os > 3", None),
        ("${{ matrix.os != 'x' }}", "true"),
        ("", None),
    ],
)
def test_expressions_of_github(expression: str, value: str | None) -> None:
    assert evaluate(expression, VALUES) == value
