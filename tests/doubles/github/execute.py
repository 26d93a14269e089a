"""From a GraphQL request to GitHub's answer: parse, validate, price, charge, execute."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from tests.doubles.github import fields, resolvers, search
from tests.doubles.github.cost import Cost, measure
from tests.doubles.github.data import Json, World
from tests.doubles.github.ledger import Ledger
from tests.doubles.github.refusal import RefusalError
from tests.doubles.github.things import Context, resolve, type_name

_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
RULES = (fields, resolvers, search)  # importing them fills the table of rules


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A request that is about to be executed, or the errors that keep it from being so."""

    operation: str = ""
    cost: Cost | None = None
    document: DocumentNode | None = None
    errors: tuple[Json, ...] = ()


class Executor:
    """Prices and executes requests against one world and schema."""

    def __init__(self, world: World, schema: GraphQLSchema) -> None:
        self.world = world
        self.schema = schema

    def prepare(self, query: Any, variables: Mapping[str, Any], name: str | None) -> Prepared:
        """Parse, validate and price a request without executing it."""
        if not isinstance(query, str):
            return Prepared(errors=({"message": "A query attribute must be specified."},))
        document, errors = _parse(self.schema, query)
        if document is None or errors:
            return Prepared(errors=errors)
        operation = get_operation_ast(document, name)
        if operation is None:
            return Prepared(errors=({"message": "An operation name is required"},))
        return self._price(document, operation, variables)

    def execute(self, prepared: Prepared, variables: Mapping[str, Any], ledger: Ledger) -> Json:
        """Execute a priced request and return the body of the answer."""
        if prepared.errors or prepared.document is None or prepared.cost is None:
            return {"errors": list(prepared.errors)}
        if not ledger.charge(prepared.cost.points):
            return rate_limited()
        result = execute(
            self.schema,
            prepared.document,
            variable_values=dict(variables),
            operation_name=prepared.operation or None,
            context_value=Context(world=self.world, rate=_rate(prepared.cost, ledger)),
            field_resolver=resolve,
            type_resolver=type_name,
            is_awaitable=lambda _: False,
        )
        assert isinstance(result, ExecutionResult)
        body: Json = {"data": result.data}
        if result.errors:
            body["errors"] = [printed(it) for it in result.errors]
        return body

    def _price(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> Prepared:
        values = get_variable_values(
            self.schema, operation.variable_definitions or (), dict(variables)
        )
        if isinstance(values, list):
            return Prepared(errors=tuple(printed(it) for it in values))
        name = operation.name.value if operation.name else ""
        try:
            cost = measure(self.schema, document, operation, values)
        except RefusalError as refusal:
            return Prepared(
                operation=name, errors=({"type": refusal.kind, "message": str(refusal)},)
            )
        return Prepared(operation=name, cost=cost, document=document)


@lru_cache(maxsize=256)
def _parse(schema: GraphQLSchema, query: str) -> tuple[DocumentNode | None, tuple[Json, ...]]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return None, (printed(error),)
    return document, tuple(printed(it) for it in validate(schema, document))


def printed(error: GraphQLError) -> Json:
    """An error as GitHub prints it: `type` (where there is one), path, locations, message."""
    unknown = _UNKNOWN_FIELD.match(error.message)
    if unknown:
        return _undefined(error, *unknown.groups())
    refusal = error.original_error
    out: Json = {"type": refusal.kind} if isinstance(refusal, RefusalError) else {}
    if error.path:
        out["path"] = list(error.path)
    return {**out, "locations": _locations(error), "message": error.message}


def _undefined(error: GraphQLError, field: str, kind: str) -> Json:
    return {
        "extensions": {"code": "undefinedField", "typeName": kind, "fieldName": field},
        "locations": _locations(error),
        "message": f"Field '{field}' doesn't exist on type '{kind}'",
    }


def _locations(error: GraphQLError) -> list[Json]:
    return [{"line": it.line, "column": it.column} for it in error.locations or ()]


def rate_limited() -> Json:
    """The body of an answer for which no points are left; its status is 200."""
    message = "API rate limit exceeded for user ID 583231."
    return {"errors": [{"type": "RATE_LIMITED", "message": message}]}


def _rate(cost: Cost, ledger: Ledger) -> Json:
    remaining = ledger.remaining
    return {
        "cost": cost.points,
        "limit": ledger.limit,
        "nodeCount": cost.nodes,
        "remaining": remaining,
        "resetAt": ledger.reset_at,
        "used": ledger.limit - remaining,
    }
