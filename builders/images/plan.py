"""Plan the layers of an instance's image, by pure functions.

A layer's tag has a hash of everything that determines its content. So if an image of that name
exists, it is the right one, and any process can reuse it.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.images import compile_bytecode, dockerfiles
from curate.builders.images.install_packages import SDIST_BUILDER
from curate.builders.images.keys import compute_environment_key, compute_instance_key, safe_name
from curate.builders.images.large_packages import group_shared_packages
from curate.builders.model import InstanceSpec
from curate.builders.process.digest import content_hash
from curate.builders.settings import BuildSettings

BYTECODE_COMPILER = Path(compile_bytecode.__file__)


@dataclass(frozen=True, kw_only=True)
class ImageLayer:
    """One planned image: its kind, its tag, and its Dockerfile."""

    kind: str  # "base", "python", "shared_packages", "environment", "checkout" or "instance"
    tag: str
    dockerfile: str
    dockerignore: str = ""
    package_group: str = ""  # family of shared packages

    @property
    def name(self) -> str:
        """Name of the layer in records: its kind, or the family of its shared packages."""
        return self.package_group or self.kind

    @property
    def is_shared(self) -> bool:
        """Whether it is shared with other instances, and through the layer cache."""
        return self.kind in ("shared_packages", "environment")


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """Layers of one instance from the bottom up, CPython prefix, and key of the environment."""

    spec: InstanceSpec
    layers: tuple[ImageLayer, ...]
    prefix: Path
    environment_key: str

    @property
    def tags(self) -> Mapping[str, str]:
        """Image tag of every layer, by name."""
        return {layer.name: layer.tag for layer in self.layers}


def plan_image(spec: InstanceSpec, settings: BuildSettings, prefix: Path) -> ImagePlan:
    """Plan the layers of *spec*'s image with the CPython *prefix*, without any side effect."""
    namespace = settings.image_namespace
    base = plan_base_layer(settings)
    text = dockerfiles.render_python(base.tag, spec.python)
    ignored = dockerfiles.render_python_dockerignore(spec.python)
    key = content_hash(text, ignored, prefix.name)
    python = ImageLayer(
        kind="python", tag=f"{namespace}/python:{key}", dockerfile=text, dockerignore=ignored
    )
    package_layers = _plan_package_layers(python.tag, spec, namespace)
    text = dockerfiles.render_environment(
        (python, *package_layers)[-1].tag,
        spec.lock,
        system_packages=spec.system_packages,
        has_venv=bool(package_layers),
    )
    scripts = [BYTECODE_COMPILER.read_text()]
    scripts += [SDIST_BUILDER.read_text()] if spec.lock.sdists else []
    key = compute_environment_key(spec, text, *scripts)
    environment = ImageLayer(kind="environment", tag=f"{namespace}/env:{key}", dockerfile=text)
    below = (
        base,
        python,
        *package_layers,
        environment,
        *_plan_checkout_layer(environment.tag, spec, namespace),
    )
    text = dockerfiles.render_instance(below[-1].tag, spec)
    tag = f"{namespace}/instance:{safe_name(spec.name)}-{compute_instance_key(spec, text)}"
    instance = ImageLayer(kind="instance", tag=tag, dockerfile=text)
    return ImagePlan(spec=spec, layers=(*below, instance), prefix=prefix, environment_key=key)


def plan_base_layer(settings: BuildSettings) -> ImageLayer:
    """Plan the layer that all images share; it is named after what the base image is called."""
    text = dockerfiles.render_base(settings.base_image)
    key = content_hash(platform.machine(), text)
    return ImageLayer(kind="base", tag=f"{settings.image_namespace}/base:{key}", dockerfile=text)


def _plan_package_layers(python: str, spec: InstanceSpec, namespace: str) -> tuple[ImageLayer, ...]:
    """Plan the layers of shared packages, if the lock has any."""
    found: list[ImageLayer] = []
    below = python
    for group in group_shared_packages(spec.lock.packages):
        text = dockerfiles.render_shared_packages(
            below, spec.python, group.packages, lowest=below == python
        )
        below = f"{namespace}/shared_packages:{content_hash(text, BYTECODE_COMPILER.read_text())}"
        found.append(
            ImageLayer(kind="shared_packages", tag=below, dockerfile=text, package_group=group.name)
        )
    return tuple(found)


def _plan_checkout_layer(
    environment: str, spec: InstanceSpec, namespace: str
) -> tuple[ImageLayer, ...]:
    """Plan the checkout layer that *spec* shares with nearby instances, if it has one."""
    if not spec.checkout_layer_commit:
        return ()
    text = dockerfiles.render_checkout(environment, spec.checkout_layer_commit)
    submodules = (sorted(spec.submodules),) if spec.submodules else ()
    key = content_hash(text, spec.repo, spec.checkout_layer_commit, *submodules)
    tag = f"{namespace}/checkout:{key}"
    return (ImageLayer(kind="checkout", tag=tag, dockerfile=text),)
