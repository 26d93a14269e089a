"""The GraphQL schema that is served: our small one, or all of GitHub's."""

from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_ast_schema, parse

SMALL = Path(__file__).with_name("schema.graphql")


@cache
def load_schema(path: Path = SMALL) -> GraphQLSchema:
    """Build a schema from an SDL file, once a process.

    GitHub's own file defines two fields twice, so the SDL is taken as it is; queries are validated
    all the same.
    """
    document = parse(path.read_text(encoding="utf-8"), no_location=True)
    return build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)
