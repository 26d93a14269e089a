"""Images of an instance, built layer by layer as planned where they are not there yet."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from builders.engine.buildkit import BuildClient, run_build
from builders.engine.layer_cache import KEY, LAYER, fetch_layer, share_layer
from builders.git.checkout import make_checkout, write_step
from builders.images import dockerfiles
from builders.images.build_queue import Turn
from builders.images.install_script import explained, install_script
from builders.images.plan import BYTECODE_COMPILER, Layer, Plan
from builders.model import Built, Failure, InstanceSpec
from builders.process.digest import digest
from builders.process.file_lock import exclusive
from builders.process.temp_dirs import scratch, sweep_scratch
from builders.python.install import uv_binary
from builders.settings import BuildSettings


@dataclass(frozen=True, kw_only=True)
class Means:
    """What images are built with; *turn* raises DiskFull where room is too short."""

    settings: BuildSettings
    engine: docker.DockerClient
    client: BuildClient
    turn: Turn


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
    shutil.copy2(BYTECODE_COMPILER, context / "compile_bytecode.py")
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
