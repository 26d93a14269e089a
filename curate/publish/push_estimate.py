"""How many bytes of images a push would send, before it sends any: pure, from what was built.

Layers are told apart by what their image builds upon, so that a layer that many instances share
counts once. Sizes are those of the engine, uncompressed: a registry gets about 40 % of them.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from curate.core.model import Environment


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Bytes to send by layer ("base", "python", "environment", "instance") and their numbers."""

    sent: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    images: int = 0  # to send
    there: int = 0  # images the registry has already

    @property
    def total(self) -> int:
        """All bytes to send."""
        return sum(self.sent.values())


def budget(environments: Iterable[tuple[str, Environment]], there: Set[str]) -> Budget:
    """The budget for images by instance id, of which the registry holds *there*."""
    every = list(environments)
    known = {layer for name, env in every if name in there for layer in _layers(env)}
    new = {
        layer: size
        for name, env in every
        if name not in there
        for layer, size in _layers(env).items()
    }
    left = {layer: size for layer, size in new.items() if layer not in known}
    kinds = dict.fromkeys(kind for kind, _ in left)
    return Budget(
        sent={kind: sum(size for (k, _), size in left.items() if k == kind) for kind in kinds},
        counts={kind: sum(1 for k, _ in left if k == kind) for kind in kinds},
        images=sum(1 for name, _ in every if name not in there),
        there=sum(1 for name, _ in every if name in there),
    )


def _layers(env: Environment) -> dict[tuple[str, str], int]:
    """Bytes by (kind, name); a layer's name is what the next one is FROM."""
    kinds = list(env.layer_bytes)
    upon = [env.dockerfiles.get(kind, "").partition("\n")[0] for kind in kinds[1:]]
    names = [*upon, env.digest or env.handle]
    return {(kind, name): env.layer_bytes[kind] for kind, name in zip(kinds, names, strict=False)}
