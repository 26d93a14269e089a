from collections.abc import Iterator
from dataclasses import replace

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    parse,
    validate,
    validate_schema,
)

from curate.core.model import IssueRef
from curate.github import queries
from curate.github.search import SEARCH
from tests.doubles.github import load_schema, sdl


@pytest.fixture(scope="module")
def theirs() -> GraphQLSchema:
    return load_schema(sdl.fetch())


def described(schema: GraphQLSchema) -> Iterator[str]:
    """Every type, member, argument and value, as lines that can be compared."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        yield f"{type(kind).__name__} {name}"
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{name}.{value}" for value in kind.values)
        if isinstance(kind, GraphQLUnionType):
            yield from (f"{name} = {member.name}" for member in kind.types)
        for interface in getattr(kind, "interfaces", ()):
            yield f"{name} implements {interface.name}"
        for field_name, field in getattr(kind, "fields", {}).items():
            yield f"{name}.{field_name}: {field.type}"
            if isinstance(kind, GraphQLInputObjectType):
                continue
            for argument, it in field.args.items():
                yield f"{name}.{field_name}({argument}: {it.type} = {it.default_value!r})"


def test_our_schema_is_a_subset_of_githubs(theirs: GraphQLSchema) -> None:
    ours = list(described(load_schema()))
    assert len(ours) > 250
    assert set(ours) - set(described(theirs)) == set()


def test_no_argument_of_githubs_is_required_that_we_lack(theirs: GraphQLSchema) -> None:
    ours = load_schema()
    for name, kind in ours.type_map.items():
        theirs_fields = getattr(theirs.type_map.get(name), "fields", {})
        for field_name, field in getattr(kind, "fields", {}).items():
            if name.startswith("__") or isinstance(kind, GraphQLInputObjectType):
                continue
            required = {
                argument
                for argument, it in theirs_fields[field_name].args.items()
                if str(it.type).endswith("!")
            }
            assert required <= set(field.args), f"{name}.{field_name}"


def test_our_schema_is_valid_graphql() -> None:
    assert validate_schema(load_schema()) == []


def test_a_field_github_does_not_have_is_reported(theirs: GraphQLSchema) -> None:
    document = parse('{ repository(owner: "o", name: "n") { pullRequest(number: 1) { oid } } }')
    assert [error.message for error in validate(theirs, document)]


REF = IssueRef(repo="owner/name", number=7)
DOCUMENTS = {
    "pulls": queries.PULLS,
    "changed": queries.CHANGED_ISSUES,
    "search": SEARCH,
    "issues": queries.build_query(
        [queries.issue_field(REF), queries.issue_field(replace(REF, repo="a/b"))]
    )[0],
    "updates": queries.build_query([queries.update_time_field(REF)])[0],
    "comments": queries.build_query([queries.comments_field(REF, "c")])[0],
    "details": queries.build_query(
        [
            queries.closing_issues_field("owner/name", 7, "c"),
            queries.commits_field("owner/name", 7, None),
            queries.pull_field("owner/name", 7),
            queries.edits_field("e0", "MDU6SXNzdWUx", None),
        ]
    )[0],
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_query_of_ours_is_one_github_understands(theirs: GraphQLSchema, name: str) -> None:
    assert [error.message for error in validate(theirs, parse(DOCUMENTS[name]))] == []
