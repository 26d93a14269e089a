"""Names of images in registries, after the grammar of OCI (distribution-spec, "name")."""

import hashlib
import re

from curate.core.errors import ConfigurationError

MAX_NAME = 255  # characters of a name with its host
SWE_GYM_SEPARATOR, SWE_BENCH_SEPARATOR = "_s_", "_1776_"  # stand for the `__` of an instance id
_PREFIX = "sweb.eval.x86_64."
_MAX_TASK_ID = MAX_NAME - len(f"swebench/{_PREFIX}")
_DIGITS = 32  # of the hash in an escaped id

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_MAX_REGISTRY = MAX_NAME - len(f"/{_PREFIX}x.") - _DIGITS


def image_repository_name(namespace: str, instance_id: str) -> str:
    """Return an image name in SWE-Gym's form: `…/sweb.eval.x86_64.owner_s_name-N`.

    Instances of two repositories never have the same name. Case does not count: to GitHub, names
    that differ in case alone are one repository.
    """
    start = f"{namespace.rstrip('/')}/{_PREFIX}"
    plain = escape_instance_id(instance_id, MAX_NAME - len(start)).lower()
    return start + plain.replace("__", SWE_GYM_SEPARATOR)


def derive_swebench_name(task_id: str) -> str:
    """Return the image name that SWE-bench derives from an instance id."""
    plain = f"{_PREFIX}{task_id}".lower().replace("__", SWE_BENCH_SEPARATOR)
    return f"swebench/{plain}:latest"


def escape_instance_id(
    instance_id: str, max_length: int = MAX_NAME - len(f"swebench/{_PREFIX}")
) -> str:
    """Return *instance_id*, or an id to use instead where no image can be named after it.

    That is so where the grammar forbids the name, where it is longer than *max_length*, and where
    the name could be that of another id. An escaped id has a hash, and no underscore, which every
    other id has.
    """
    if all(
        _is_usable(instance_id.lower(), separator, max_length)
        for separator in (SWE_GYM_SEPARATOR, SWE_BENCH_SEPARATOR)
    ):
        return instance_id
    digest = hashlib.sha256(instance_id.lower().encode()).hexdigest()[:_DIGITS]
    readable = re.sub(r"[^a-z0-9]+", "-", instance_id.lower())[: max_length - _DIGITS - 1]
    return f"{readable.strip('-') or 'x'}.{digest}"


def normalize_registry(registry: str) -> str:
    """Return *registry* ("host[:port][/namespace]") without a slash at its end.

    Raises ConfigurationError if no image can have a name there.
    """
    name = registry.rstrip("/")
    if _is_registry(name) and len(name) <= _MAX_REGISTRY:
        return name
    hint = "Write it as HOST/NAMESPACE, such as ghcr.io/my-lab, without a scheme."
    if len(name) > _MAX_REGISTRY:
        hint = f"It may have {_MAX_REGISTRY} characters."
    elif _is_registry(name.lower()):
        hint = f"Names of images are in lower case: {name.lower()}"
    raise ConfigurationError(f"Invalid registry {registry!r}.", hint=hint)


def _is_registry(name: str) -> bool:
    first, *others = name.split("/")
    is_host = _HOST.fullmatch(first) and (first == "localhost" or "." in first or ":" in first)
    return all(map(_COMPONENT.fullmatch, others if is_host else [first, *others]))


def _is_usable(folded: str, separator: str, max_length: int) -> bool:
    name = folded.replace("__", separator)
    return (
        len(name) <= max_length
        and "__" in folded
        and _COMPONENT.fullmatch(_PREFIX + name) is not None
        and name.replace(separator, "__") == folded
    )
