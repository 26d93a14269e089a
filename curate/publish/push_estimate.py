"""How many bytes of images a push would send, before it sends any: pure, from what was built.

Layers are told apart by what their image builds upon, so that a layer that many instances share
counts once. Sizes are those of the engine, uncompressed: a registry gets about 40 % of them.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from curate.core.model import Environment


@dataclass(frozen=True, kw_only=True)
class PushEstimate:
    """Bytes to send by layer ("base", "python", "environment", "instance") and their numbers."""

    bytes_by_layer: Mapping[str, int] = field(default_factory=dict)
    layer_counts: Mapping[str, int] = field(default_factory=dict)
    images_to_send: int = 0  # to send
    images_present: int = 0  # images the registry has already

    @property
    def total_bytes(self) -> int:
        """All bytes to send."""
        return sum(self.bytes_by_layer.values())


def estimate_push(
    environments: Iterable[tuple[str, Environment]], present: Set[str]
) -> PushEstimate:
    """The budget for images by instance id, of which the registry holds *present*."""
    all_environments = list(environments)
    known = {
        layer for name, env in all_environments if name in present for layer in _layer_sizes(env)
    }
    new = {
        layer: size
        for name, env in all_environments
        if name not in present
        for layer, size in _layer_sizes(env).items()
    }
    missing_layers = {layer: size for layer, size in new.items() if layer not in known}
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


def _layer_sizes(env: Environment) -> dict[tuple[str, str], int]:
    """Bytes by (kind, name); a layer's name is what the next one is FROM."""
    kinds = list(env.layer_bytes)
    base_references = [env.dockerfiles.get(kind, "").partition("\n")[0] for kind in kinds[1:]]
    names = [*base_references, env.digest or env.handle]
    return {(kind, name): env.layer_bytes[kind] for kind, name in zip(kinds, names, strict=False)}
