"""Layers of an instance's image, planned by pure functions.

Every layer's tag is a hash of all that decides its content, so an image that exists is the right
one and is reused, by this process or any other.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builders.images import compile_bytecode, dockerfiles
from builders.images.keys import compute_environment_key, compute_instance_key, safe_name
from builders.images.large_packages import group_shared_packages
from builders.model import InstanceSpec
from builders.process.digest import content_hash
from builders.settings import BuildSettings

BYTECODE_COMPILER = Path(compile_bytecode.__file__)


@dataclass(frozen=True, kw_only=True)
class ImageLayer:
    """One image to be: what it is, its tag, and the text it is built from."""

    kind: str  # "base", "python", "shared_packages", "environment", "checkout" or "instance"
    tag: str
    dockerfile: str
    dockerignore: str = ""
    package_group: str = ""  # of a part

    @property
    def name(self) -> str:
        """What records call it: its kind, or the family of a part."""
        return self.package_group or self.kind

    @property
    def is_shared(self) -> bool:
        """Whether a registry may have it."""
        return self.kind in ("shared_packages", "environment")


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """Layers of one instance from the bottom up, the interpreter's prefix, and the shared key."""

    spec: InstanceSpec
    layers: tuple[ImageLayer, ...]
    prefix: Path
    environment_key: str

    @property
    def tags(self) -> Mapping[str, str]:
        """Image tag of every layer, by name."""
        return {layer.name: layer.tag for layer in self.layers}


def plan_image(spec: InstanceSpec, settings: BuildSettings, prefix: Path) -> ImagePlan:
    """Layers that make *spec*'s image with the interpreter of *prefix*; nothing is touched."""
    space = settings.image_namespace
    text = dockerfiles.render_base(settings.base_image)
    key = content_hash(platform.machine(), text)
    base = ImageLayer(kind="base", tag=f"{space}/base:{key}", dockerfile=text)
    text = dockerfiles.render_python(base.tag, spec.python)
    ignored = dockerfiles.render_python_dockerignore(spec.python)
    key = content_hash(text, ignored, prefix.name)
    python = ImageLayer(
        kind="python", tag=f"{space}/python:{key}", dockerfile=text, dockerignore=ignored
    )
    package_layers = _plan_package_layers(python.tag, spec, space)
    text = dockerfiles.render_environment(
        (python, *package_layers)[-1].tag,
        spec.lock,
        system_packages=spec.system_packages,
        has_venv=bool(package_layers),
    )
    key = compute_environment_key(spec, text, BYTECODE_COMPILER.read_text())
    environment = ImageLayer(kind="environment", tag=f"{space}/env:{key}", dockerfile=text)
    below = (
        base,
        python,
        *package_layers,
        environment,
        *_plan_checkout_layer(environment.tag, spec, space),
    )
    text = dockerfiles.render_instance(below[-1].tag, spec)
    tag = f"{space}/instance:{safe_name(spec.name)}-{compute_instance_key(spec, text)}"
    instance = ImageLayer(kind="instance", tag=tag, dockerfile=text)
    return ImagePlan(spec=spec, layers=(*below, instance), prefix=prefix, environment_key=key)


def _plan_package_layers(python: str, spec: InstanceSpec, space: str) -> tuple[ImageLayer, ...]:
    """The layers of large distributions that *spec* shares with others, if it has any."""
    found: list[ImageLayer] = []
    below = python
    for part in group_shared_packages(spec.lock.packages):
        text = dockerfiles.render_shared_packages(
            below, spec.python, part.packages, lowest=below == python
        )
        below = f"{space}/shared_packages:{content_hash(text, BYTECODE_COMPILER.read_text())}"
        found.append(
            ImageLayer(kind="shared_packages", tag=below, dockerfile=text, package_group=part.name)
        )
    return tuple(found)


def _plan_checkout_layer(
    environment: str, spec: InstanceSpec, space: str
) -> tuple[ImageLayer, ...]:
    """The layer that *spec* shares with its neighbours, if it has any."""
    if not spec.checkout_layer_commit:
        return ()
    text = dockerfiles.render_checkout(environment, spec.checkout_layer_commit)
    submodules = (sorted(spec.submodules),) if spec.submodules else ()
    tag = (
        f"{space}/checkout:{content_hash(text, spec.repo, spec.checkout_layer_commit, *submodules)}"
    )
    return (ImageLayer(kind="checkout", tag=tag, dockerfile=text),)
