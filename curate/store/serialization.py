"""Frozen dataclasses to compressed JSON and back."""

from functools import cache
from typing import Any, TypeVar, cast

import zstandard
from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def _type_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(value: object) -> bytes:
    """JSON of a model object; fields that hold the default are written too."""
    kind: Any = type(value)
    return _type_adapter(kind).dump_json(value)


def from_json(kind: type[T], text: bytes) -> T:
    """The model object that `to_json` wrote."""
    key: Any = kind
    return cast(T, _type_adapter(key).validate_json(text))


def dumps(value: object) -> bytes:
    """`to_json`, compressed: validations repeat their test ids in every run."""
    return zstandard.ZstdCompressor(level=9).compress(to_json(value))


def loads(kind: type[T], packed: bytes) -> T:
    """The model object that `dumps` wrote."""
    return from_json(kind, zstandard.ZstdDecompressor().decompress(packed))
