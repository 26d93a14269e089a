"""Points and nodes against the examples GitHub's documentation works out."""

import pytest
from graphql import IntValueNode, build_schema, get_operation_ast, parse

from tests.doubles.github.cost import Cost, measure, points
from tests.helpers.fakes import not_none

SCHEMA = build_schema("""
type Query { viewer: User }
type User { repositories(first: Int): RepoConnection  followers(first: Int): UserConnection }
type UserConnection { nodes: [User] }
type RepoConnection { edges: [RepoEdge] }
type RepoEdge { node: Repo }
type Repo { pulls(first: Int): ThreadConnection  issues(first: Int): ThreadConnection }
type ThreadConnection { edges: [ThreadEdge] }
type ThreadEdge { node: Thread }
type Thread { labels(first: Int): ThreadConnection  comments(first: Int): ThreadConnection }
""")
LABELS = """query($size: Int = 60) { viewer { repositories(first: 100) { edges { node {
  issues(first: 50) { edges { node { ...f } } } } } } } }
fragment f on Thread { labels(first: $size) { edges { node { __typename } } } }"""
FULL = """{ viewer {
  repositories(first: 50) { edges { node {
    pulls(first: 20) { edges { node { comments(first: 10) { edges { __typename } } } } }
    ... on Repo { issues(first: 20) { edges { node { comments(first: 10) { __typename } } } } }
  } } }
  followers(first: 10) { nodes { __typename } } } }"""
NESTED = """{ viewer { repositories(first: 50) { edges { node {
  issues(first: 10) { edges { node { __typename } } } } } } } }"""


def cost(query: str, **variables: int) -> Cost:
    document = parse(query)
    operation = not_none(get_operation_ast(document))
    defaults = {}
    for it in operation.variable_definitions or ():
        assert isinstance(it.default_value, IntValueNode)
        defaults[it.variable.name.value] = int(it.default_value.value)
    return measure(SCHEMA, document, operation, defaults | variables)


def test_the_documented_point_example() -> None:
    assert cost(LABELS).points == 51  # 1 + 100 + 5,000 requests


@pytest.mark.parametrize(("query", "nodes"), [(NESTED, 550), (FULL, 22_060)])
def test_the_documented_node_examples(query: str, nodes: int) -> None:
    assert cost(query).nodes == nodes


def test_variables_and_the_largest_page() -> None:
    assert cost(LABELS, size=1).nodes == 100 + 5000 + 5000
    assert cost(FULL).page == 50


@pytest.mark.parametrize(
    ("requests", "expected"), [(0, 1), (1, 1), (149, 1), (150, 2), (250, 3), (5101, 51)]
)
def test_points_round_to_the_nearest_and_are_at_least_one(requests: int, expected: int) -> None:
    assert points(requests) == expected
