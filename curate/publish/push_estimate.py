"""Estimate of the bytes that pushing images would send.

Layers are identified by the image they result in, so a layer shared by many instances counts once.
Sizes are uncompressed, as reported by the engine; a registry receives about 40 % of them.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from curate.core.model import Environment


@dataclass(frozen=True, kw_only=True)
class PushEstimate:
    """Bytes and number of layers to send, by kind ("base", "python", "environment", "instance")."""

    bytes_by_layer: Mapping[str, int] = field(default_factory=dict)
    layer_counts: Mapping[str, int] = field(default_factory=dict)
    images_to_send: int = 0
    images_present: int = 0  # images already in the registry

    @property
    def total_bytes(self) -> int:
        """Total bytes to send."""
        return sum(self.bytes_by_layer.values())


def estimate_push(
    environments: Iterable[tuple[str, Environment]], present: Set[str]
) -> PushEstimate:
    """Estimate a push of images by instance id; the registry already has those in *present*."""
    all_environments = list(environments)
    present_layers = {
        layer for name, env in all_environments if name in present for layer in layer_sizes(env)
    }
    new = {
        layer: size
        for name, env in all_environments
        if name not in present
        for layer, size in layer_sizes(env).items()
    }
    missing_layers = {layer: size for layer, size in new.items() if layer not in present_layers}
    kinds = dict.fromkeys(kind for kind, _ in missing_layers)
    return PushEstimate(
        bytes_by_layer={
            kind: sum(size for (k, _), size in missing_layers.items() if k == kind)
            for kind in kinds
        },
        layer_counts={kind: sum(1 for k, _ in missing_layers if k == kind) for kind in kinds},
        images_to_send=sum(1 for name, _ in all_environments if name not in present),
        images_present=sum(1 for name, _ in all_environments if name in present),
    )


def layer_sizes(env: Environment) -> dict[tuple[str, str], int]:
    """Bytes by (kind, name); a layer's name is the FROM reference of the next one."""
    kinds = list(env.layer_bytes)
    base_references = [env.dockerfiles.get(kind, "").partition("\n")[0] for kind in kinds[1:]]
    names = [*base_references, env.digest or env.handle]
    return {(kind, name): env.layer_bytes[kind] for kind, name in zip(kinds, names, strict=False)}
