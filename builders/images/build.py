"""Images of an instance: planned by pure functions, then built layer by layer where not there yet.

Every layer's tag is a hash of all that decides its content, so an image that exists is the right
one and is reused, by this process or any other.
"""

import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from builders.engine.client import BuildClient, run_build
from builders.engine.layer_cache import KEY, LAYER, fetch_layer, share_layer
from builders.git.checkout import make_checkout, write_step
from builders.images import compile_bytecode, dockerfiles
from builders.images.build_queue import Turn
from builders.images.install_script import explained, install_script
from builders.images.keys import digest, environment_key, exclusive, file_name, instance_key
from builders.images.large_packages import parts
from builders.model import Built, Failure, InstanceSpec
from builders.process.temp_dirs import scratch, sweep_scratch
from builders.python.install import uv_binary
from builders.settings import BuildSettings

_COMPILER = Path(compile_bytecode.__file__)


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


@dataclass(frozen=True, kw_only=True)
class Means:
    """What images are built with; *turn* raises DiskFull where room is too short."""

    settings: BuildSettings
    engine: docker.DockerClient
    client: BuildClient
    turn: Turn


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
    key = environment_key(spec, text, _COMPILER.read_text())
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
        below = f"{space}/part:{digest(text, _COMPILER.read_text())}"
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


def build_instance(plan: Plan, means: Means) -> Built | Failure:
    """Build what is missing of *plan*'s layers; a command that fails in them is a `Failure`."""
    began = time.monotonic()
    engine, tags = means.engine, plan.tags
    seconds: dict[str, float] = {}
    for layer in _needed(plan, means):
        layer_began = time.monotonic()
        made = _ensure(layer, plan, means)
        if isinstance(made, Failure):
            return made
        if made and layer.shared and means.settings.registry:
            share_layer(engine, layer.tag, means.settings.registry)
        seconds[layer.name] = time.monotonic() - layer_began if made else 0.0
    return Built(
        name=plan.spec.name,
        backend="docker",
        handle=tags["instance"],
        environment_key=plan.environment_key,
        digest=str(engine.images.get(tags["instance"]).id),
        dockerfiles={layer.name: layer.dockerfile for layer in plan.layers},
        layer_bytes=layer_sizes(engine, plan.layers),
        seconds=time.monotonic() - began,
        environment_seconds=sum(seconds.values()) - seconds["instance"],
    )


def sweep_contexts(settings: BuildSettings) -> None:
    """Remove contexts of builds whose process was killed."""
    sweep_scratch(settings.cache / "contexts", "build")


def layer_sizes(engine: docker.DockerClient, layers: tuple[Layer, ...]) -> Mapping[str, int]:
    """Uncompressed bytes that each layer adds to the one below; layers that came from a registry
    within one above them are none of their own.
    """
    here = [layer for layer in layers if image_exists(engine, layer.tag)]
    totals = [int(engine.images.get(layer.tag).attrs["Size"]) for layer in here]
    below = [0, *totals[:-1]]
    return {layer.name: total - low for layer, total, low in zip(here, totals, below, strict=True)}


def image_exists(engine: docker.DockerClient, tag: str) -> bool:
    """Whether the engine has an image of this name."""
    try:
        engine.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _needed(plan: Plan, means: Means) -> tuple[Layer, ...]:
    """Layers of *plan* from the uppermost on that is here or in a registry; all if there is none.

    The instance's own layers are not looked for: they are as quickly made as pulled.
    """
    if means.settings.registry:
        for number in reversed(range(len(plan.layers))):
            if plan.layers[number].shared and _fetched(plan.layers[number], means):
                return plan.layers[number:]
    return plan.layers


def _fetched(layer: Layer, means: Means) -> bool:
    """Whether *layer* is here, if need be from the registry."""
    settings, engine = means.settings, means.engine
    with exclusive(settings.cache / "locks", digest(layer.tag)):
        if image_exists(engine, layer.tag):
            return True
        means.turn.begin()
        return fetch_layer(engine, layer.tag, layer.kind, settings.registry, watch=means.turn.watch)


def _ensure(layer: Layer, plan: Plan, means: Means) -> bool | Failure:
    """Build *layer* unless it exists; True when it was built here."""
    if image_exists(means.engine, layer.tag):
        return False
    with exclusive(means.settings.cache / "locks", digest(layer.tag)):
        if image_exists(means.engine, layer.tag):
            return False
        means.turn.begin()
        failure = _build(layer, plan, means)
        if failure:
            means.turn.watch()
            return explained(failure, "environment" if layer.kind == "part" else layer.kind)
    return True


def _build(layer: Layer, plan: Plan, means: Means) -> Failure | None:
    """Fill a context for *layer* and build it there."""
    with scratch(means.settings.cache / "contexts", "build", stable=True) as folder:
        context = folder / "context"
        if layer.kind == "python":
            context = plan.prefix
        else:
            context.mkdir()
            _FILL[layer.kind](context, plan.spec, means.settings)
        return run_build(
            means.client,
            dockerfile=layer.dockerfile,
            context=context,
            scratch=folder,
            tag=layer.tag,
            ignored=layer.ignored,
            labels=(f"{LAYER}={layer.kind}", f"{KEY}={layer.tag.rsplit(':', 1)[1]}"),
            watch=means.turn.watch,
        )


def _fill_base(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    """The base layer takes nothing but its text."""


def _fill_part(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    shutil.copy2(uv_binary(), context / "uv")
    shutil.copy2(_COMPILER, context / "compile_bytecode.py")
    if settings.ca_bundle:
        shutil.copyfile(settings.ca_bundle, context / "ca.pem")
    variables = dockerfiles.build_settings(
        ca_bundle=settings.ca_bundle is not None, index_url=settings.index_url
    )
    (context / "build.env").write_text(variables)


def _fill_environment(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    _fill_part(context, spec, settings)
    (context / "lock.txt").write_text(spec.lock.text)


def _fill_tree(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    make_checkout(spec.mirror, spec.tree_commit, context / "checkout", spec.submodules)


def _fill_instance(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    _fill_environment(context, spec, settings)
    (context / "install.sh").write_text(install_script(spec))
    if not spec.tree_commit:
        make_checkout(spec.mirror, spec.base_commit, context / "checkout", spec.submodules)
    elif spec.tree_commit != spec.base_commit:
        write_step(spec.mirror, spec.tree_commit, spec.base_commit, context / "step.pack")
    for number, (path, (older, commit)) in enumerate(sorted(spec.moved.items())):
        write_step(spec.submodules[path], older, commit, context / f"step-{number}.pack")


_FILL: Mapping[str, Callable[[Path, InstanceSpec, BuildSettings], None]] = {
    "base": _fill_base,
    "part": _fill_part,
    "environment": _fill_environment,
    "tree": _fill_tree,
    "instance": _fill_instance,
}
