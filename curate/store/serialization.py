"""Serialization of dataclasses as JSON, optionally compressed."""

import threading
from functools import cache
from typing import Any, TypeVar, cast

import zstandard
from pydantic import TypeAdapter

T = TypeVar("T")

_OF_THREAD = threading.local()  # a decompressor: making one takes longer than most of its work


@cache
def _type_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(value: object) -> bytes:
    """Return the JSON of a model object, including fields with default values."""
    kind: Any = type(value)
    return _type_adapter(kind).dump_json(value)


def from_json(kind: type[T], text: bytes) -> T:
    """Return the model object of type *kind* that `to_json` serialized."""
    key: Any = kind
    return cast(T, _type_adapter(key).validate_json(text))


def dumps(value: object) -> bytes:
    """Return compressed JSON; worthwhile as validations repeat their test ids in every run."""
    return zstandard.ZstdCompressor(level=9).compress(to_json(value))


def loads(kind: type[T], packed: bytes) -> T:
    """Return the model object of type *kind* that `dumps` serialized."""
    return from_json(kind, decompress(packed))


def decompress(packed: bytes) -> bytes:
    """Return the content of a zstd frame; raises ZstdError for anything else."""
    if not hasattr(_OF_THREAD, "decompressor"):
        _OF_THREAD.decompressor = zstandard.ZstdDecompressor()
    return cast(bytes, _OF_THREAD.decompressor.decompress(packed))
