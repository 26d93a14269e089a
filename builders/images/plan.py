"""Layers of an instance's image, planned by pure functions.

Every layer's tag is a hash of all that decides its content, so an image that exists is the right
one and is reused, by this process or any other.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builders.images import compile_bytecode, dockerfiles
from builders.images.keys import environment_key, file_name, instance_key
from builders.images.large_packages import parts
from builders.model import InstanceSpec
from builders.process.digest import digest
from builders.settings import BuildSettings

BYTECODE_COMPILER = Path(compile_bytecode.__file__)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One image to be: what it is, its tag, and the text it is built from."""

    kind: str  # "base", "python", "part", "environment", "tree" or "instance"
    tag: str
    dockerfile: str
    ignored: str = ""
    family: str = ""  # of a part

    @property
    def name(self) -> str:
        """What records call it: its kind, or the family of a part."""
        return self.family or self.kind

    @property
    def shared(self) -> bool:
        """Whether a registry may have it."""
        return self.kind in ("part", "environment")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Layers of one instance from the bottom up, the interpreter's prefix, and the shared key."""

    spec: InstanceSpec
    layers: tuple[Layer, ...]
    prefix: Path
    environment_key: str

    @property
    def tags(self) -> Mapping[str, str]:
        """Image tag of every layer, by name."""
        return {layer.name: layer.tag for layer in self.layers}


def plan_layers(spec: InstanceSpec, settings: BuildSettings, prefix: Path) -> Plan:
    """Layers that make *spec*'s image with the interpreter of *prefix*; nothing is touched."""
    space = settings.namespace
    text = dockerfiles.base_dockerfile(settings.base_image)
    key = digest(platform.machine(), text)
    base = Layer(kind="base", tag=f"{space}/base:{key}", dockerfile=text)
    text = dockerfiles.python_dockerfile(base.tag, spec.python)
    ignored = dockerfiles.python_ignored(spec.python)
    key = digest(text, ignored, prefix.name)
    python = Layer(kind="python", tag=f"{space}/python:{key}", dockerfile=text, ignored=ignored)
    large = _parts(python.tag, spec, space)
    text = dockerfiles.environment_dockerfile(
        (python, *large)[-1].tag,
        spec.lock,
        system_packages=spec.system_packages,
        begun=bool(large),
    )
    key = environment_key(spec, text, BYTECODE_COMPILER.read_text())
    environment = Layer(kind="environment", tag=f"{space}/env:{key}", dockerfile=text)
    below = (base, python, *large, environment, *_tree(environment.tag, spec, space))
    text = dockerfiles.instance_dockerfile(below[-1].tag, spec)
    tag = f"{space}/instance:{file_name(spec.name)}-{instance_key(spec, text)}"
    instance = Layer(kind="instance", tag=tag, dockerfile=text)
    return Plan(spec=spec, layers=(*below, instance), prefix=prefix, environment_key=key)


def _parts(python: str, spec: InstanceSpec, space: str) -> tuple[Layer, ...]:
    """The layers of large distributions that *spec* shares with others, if it has any."""
    found: list[Layer] = []
    below = python
    for part in parts(spec.lock.packages):
        text = dockerfiles.part_dockerfile(
            below, spec.python, part.packages, lowest=below == python
        )
        below = f"{space}/part:{digest(text, BYTECODE_COMPILER.read_text())}"
        found.append(Layer(kind="part", tag=below, dockerfile=text, family=part.name))
    return tuple(found)


def _tree(environment: str, spec: InstanceSpec, space: str) -> tuple[Layer, ...]:
    """The layer that *spec* shares with its neighbours, if it has any."""
    if not spec.tree_commit:
        return ()
    text = dockerfiles.tree_dockerfile(environment, spec.tree_commit)
    submodules = (sorted(spec.submodules),) if spec.submodules else ()
    tag = f"{space}/tree:{digest(text, spec.repo, spec.tree_commit, *submodules)}"
    return (Layer(kind="tree", tag=tag, dockerfile=text),)
