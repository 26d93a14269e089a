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

from builders import bytecode, dockerfiles
from builders.checkout import make_checkout, write_step
from builders.engine import BuildClient, run_build
from builders.install import explained, install_script
from builders.keys import digest, environment_key, exclusive, file_name, instance_key
from builders.model import Built, Failure, InstanceSpec
from builders.prefix import find_prefix, uv_binary
from builders.scratch import scratch, sweep_scratch
from builders.settings import BuildSettings
from builders.shared import KEY, LAYER, fetch_environment, share_environment
from builders.turns import Turn

_COMPILER = Path(bytecode.__file__)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One image to be: its name in records, its tag, and the text it is built from."""

    name: str  # "base", "python", "environment", "tree" or "instance"
    tag: str
    dockerfile: str
    ignored: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Layers of one instance from the bottom up, the interpreter's prefix, and the shared key."""

    layers: tuple[Layer, ...]
    prefix: Path
    environment_key: str


def plan_layers(spec: InstanceSpec, settings: BuildSettings, prefix: Path) -> Plan:
    """Layers that make *spec*'s image with the interpreter of *prefix*; nothing is touched."""
    space = settings.namespace
    text = dockerfiles.base_dockerfile(settings.base_image)
    key = digest(platform.machine(), text)
    base = Layer(name="base", tag=f"{space}/base:{key}", dockerfile=text)
    text = dockerfiles.python_dockerfile(base.tag, spec.python)
    ignored = dockerfiles.python_ignored(spec.python)
    key = digest(text, ignored, prefix.name)
    python = Layer(name="python", tag=f"{space}/python:{key}", dockerfile=text, ignored=ignored)
    text = dockerfiles.environment_dockerfile(
        python.tag, spec.lock, system_packages=spec.system_packages
    )
    key = environment_key(spec, text, _COMPILER.read_text())
    environment = Layer(name="environment", tag=f"{space}/env:{key}", dockerfile=text)
    below = (base, python, environment, *_tree(environment.tag, spec, space))
    text = dockerfiles.instance_dockerfile(below[-1].tag, spec)
    tag = f"{space}/instance:{file_name(spec.name)}-{instance_key(spec, text)}"
    instance = Layer(name="instance", tag=tag, dockerfile=text)
    return Plan(layers=(*below, instance), prefix=prefix, environment_key=key)


def _tree(environment: str, spec: InstanceSpec, space: str) -> tuple[Layer, ...]:
    """The layer that *spec* shares with its neighbours, if it has any."""
    if not spec.tree_commit:
        return ()
    text = dockerfiles.tree_dockerfile(environment, spec.tree_commit)
    submodules = (sorted(spec.submodules),) if spec.submodules else ()
    tag = f"{space}/tree:{digest(text, spec.repo, spec.tree_commit, *submodules)}"
    return (Layer(name="tree", tag=tag, dockerfile=text),)


def build_instance(
    spec: InstanceSpec,
    settings: BuildSettings,
    engine: docker.DockerClient,
    client: BuildClient,
    turn: Turn,
) -> Built | Failure:
    """Build what is missing of *spec*'s layers; a command that fails in them is a `Failure`.

    *turn* raises DiskFull where room is too short.
    """
    began = time.monotonic()
    prefix = find_prefix(spec.python, settings)
    if isinstance(prefix, Failure):
        return prefix
    plan = plan_layers(spec, settings, prefix)
    seconds: dict[str, float] = {}
    needed = plan.layers
    if settings.registry and _fetched(plan, settings, engine, turn):
        needed = tuple(layer for layer in needed if layer.name not in ("base", "python"))
    for layer in needed:
        layer_began = time.monotonic()
        made = _ensure(layer, plan, spec, settings, engine, client, turn)
        if isinstance(made, Failure):
            return made
        if made and layer.name == "environment" and settings.registry:
            share_environment(engine, layer.tag, settings.registry, settings.namespace)
        seconds[layer.name] = time.monotonic() - layer_began if made else 0.0
    return Built(
        name=spec.name,
        backend="docker",
        handle=plan.layers[-1].tag,
        environment_key=plan.environment_key,
        digest=str(engine.images.get(plan.layers[-1].tag).id),
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


def _fetched(plan: Plan, settings: BuildSettings, engine: docker.DockerClient, turn: Turn) -> bool:
    """Whether the environment is here, if need be from the registry: then nothing below is built.

    The instance's own layers are not looked for: they are as quickly made as pulled.
    """
    tag = next(layer.tag for layer in plan.layers if layer.name == "environment")
    with exclusive(settings.cache / "locks", digest(tag)):
        if image_exists(engine, tag):
            return True
        turn.begin()
        return fetch_environment(
            engine, tag, settings.registry, settings.namespace, watch=turn.watch
        )


def _ensure(
    layer: Layer,
    plan: Plan,
    spec: InstanceSpec,
    settings: BuildSettings,
    engine: docker.DockerClient,
    client: BuildClient,
    turn: Turn,
) -> bool | Failure:
    """Build *layer* unless it exists; True when it was built here."""
    if image_exists(engine, layer.tag):
        return False
    with exclusive(settings.cache / "locks", digest(layer.tag)):
        if image_exists(engine, layer.tag):
            return False
        turn.begin()
        failure = _build(layer, plan, spec, settings, client, turn)
        if failure:
            turn.watch()
            return explained(failure, layer.name)
    return True


def _build(
    layer: Layer,
    plan: Plan,
    spec: InstanceSpec,
    settings: BuildSettings,
    client: BuildClient,
    turn: Turn,
) -> Failure | None:
    """Fill a context for *layer* and build it there."""
    with scratch(settings.cache / "contexts", "build", stable=True) as folder:
        context = folder / "context"
        if layer.name == "python":
            context = plan.prefix
        else:
            context.mkdir()
            _FILL[layer.name](context, spec, settings)
        return run_build(
            client,
            dockerfile=layer.dockerfile,
            context=context,
            scratch=folder,
            tag=layer.tag,
            ignored=layer.ignored,
            labels=(f"{LAYER}={layer.name}", f"{KEY}={layer.tag.rsplit(':', 1)[1]}"),
            watch=turn.watch,
        )


def _fill_base(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    """The base layer takes nothing but its text."""


def _fill_environment(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    shutil.copy2(uv_binary(), context / "uv")
    shutil.copy2(_COMPILER, context / "bytecode.py")
    if settings.ca_bundle:
        shutil.copyfile(settings.ca_bundle, context / "ca.pem")
    variables = dockerfiles.build_settings(
        ca_bundle=settings.ca_bundle is not None, index_url=settings.index_url
    )
    (context / "build.env").write_text(variables)
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
    "environment": _fill_environment,
    "tree": _fill_tree,
    "instance": _fill_instance,
}
