"""What a query costs, by GitHub's published formula, worked out before it is executed.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api:
every connection counts one request per parent node it may be asked for, assuming full pages;
points are those requests over 100, rounded, at least 1. Nodes are parents times page size, summed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values

from tests.doubles.github.refusal import RefusalError

PAGE_LIMIT = 100
NODE_LIMIT = 500_000


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Points to be charged, nodes at most returned, and the largest page asked for."""

    points: int
    nodes: int
    page: int = 0


@dataclass(frozen=True)
class _Connection:
    parents: int
    size: int


def measure(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> Cost:
    """Work out the cost of a valid operation.

    Raises:
        RefusalError: A connection without page size or with one above 100, or too many nodes.
    """
    fragments = {
        it.name.value: it for it in document.definitions if isinstance(it, FragmentDefinitionNode)
    }
    root = schema.get_root_type(operation.operation)
    assert root is not None
    walker = _Walker(schema, fragments, variables)
    found = list(walker.connections(operation.selection_set, root, 1))
    cost = Cost(
        points=points(sum(it.parents for it in found)),
        nodes=sum(it.parents * it.size for it in found),
        page=max((it.size for it in found), default=0),
    )
    if cost.nodes > NODE_LIMIT:
        raise RefusalError(
            "MAX_NODE_LIMIT_EXCEEDED",
            f"This query requests up to {cost.nodes:,} possible nodes which exceeds the maximum "
            f"limit of {NODE_LIMIT:,}.",
        )
    return cost


def points(requests: int) -> int:
    """Points of that many requests."""
    return max(1, (requests + 50) // 100)


class _Walker:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = dict(variables)

    def connections(
        self, selections: SelectionSetNode, parent: GraphQLNamedType, parents: int
    ) -> Iterator[_Connection]:
        """Every connection below, with how often it may be asked for."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield from self._field(node, parent, parents)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                on = self.schema.type_map[fragment.type_condition.name.value]
                yield from self.connections(fragment.selection_set, on, parents)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                on = self.schema.type_map[named.name.value] if named else parent
                yield from self.connections(node.selection_set, on, parents)

    def _field(
        self, node: FieldNode, parent: GraphQLNamedType, parents: int
    ) -> Iterator[_Connection]:
        if node.selection_set is None or node.name.value.startswith("__"):
            return
        field = parent.fields[node.name.value]  # type: ignore[attr-defined]
        kind = get_named_type(field.type)
        if kind.name.endswith("Connection"):
            size = self._page_size(node, field)
            yield _Connection(parents, size)
            parents *= size
        yield from self.connections(node.selection_set, kind, parents)

    def _page_size(self, node: FieldNode, field: GraphQLField) -> int:
        name = node.name.value
        arguments = get_argument_values(field, node, self.variables)
        given = {k: arguments[k] for k in ("first", "last") if arguments.get(k) is not None}
        if not given:
            raise RefusalError(
                "MISSING_PAGINATION_BOUNDARIES",
                f"You must provide a `first` or `last` value to properly paginate the `{name}` "
                "connection.",
            )
        for key, size in given.items():
            if size > PAGE_LIMIT:
                raise RefusalError(
                    "EXCESSIVE_PAGINATION",
                    f"Requesting {size} records on the `{name}` connection exceeds the `{key}` "
                    f"limit of {PAGE_LIMIT} records.",
                )
            if size < 0:
                raise RefusalError("ARGUMENT_ERROR", f"`{key}` on `{name}` must not be negative.")
        return int(min(given.values()))
