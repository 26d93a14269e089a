"""Build the missing layers of an instance's image."""

import io
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from curate.builders.engine.buildkit import BuildClient, BuildRequest, run_build
from curate.builders.engine.layer_cache import KEY_LABEL, LAYER_LABEL, pull_layer, push_layer
from curate.builders.git.checkout import make_checkout, write_commit_step
from curate.builders.images import build_sdist, dockerfiles
from curate.builders.images.build_files import list_build_files
from curate.builders.images.build_queue import BuildSlot
from curate.builders.images.install_packages import (
    SDIST_BUILDER,
    describe_builds,
    find_archives,
    render_wheel_lock,
)
from curate.builders.images.install_script import classify_failure, render_install_script
from curate.builders.images.plan import BYTECODE_COMPILER, ImageLayer, ImagePlan
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock
from curate.builders.process.digest import content_hash
from curate.builders.process.file_lock import file_lock
from curate.builders.process.temp_dirs import remove_stale_temp_dirs, temp_dir
from curate.builders.python.install import find_uv
from curate.builders.settings import BuildSettings


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """Settings and handles of a build; *slot* raises DiskFullError when disk space runs out."""

    settings: BuildSettings
    engine: docker.DockerClient
    client: BuildClient
    slot: BuildSlot


def build_image(plan: ImagePlan, build_ctx: BuildContext) -> BuiltInstance | Failure:
    """Build the missing layers of *plan*.

    Returns:
        The built instance, or a `Failure` if a command of a build fails.

    Raises:
        BuilderError: The engine, the disk, the network or the layer cache failed.
    """
    started = time.monotonic()
    engine, tags = build_ctx.engine, plan.tags
    seconds = build_layers(plan, build_ctx)
    if isinstance(seconds, Failure):
        return seconds
    return BuiltInstance(
        name=plan.spec.name,
        backend="docker",
        handle=tags["instance"],
        environment_key=plan.environment_key,
        digest=str(engine.images.get(tags["instance"]).id),
        dockerfiles={layer.name: layer.dockerfile for layer in plan.layers},
        build_files=list_build_files(plan),
        layer_bytes=measure_layers(engine, plan.layers),
        seconds=time.monotonic() - started,
        environment_seconds=sum(seconds.values()) - seconds["instance"],
        build_notes=_read_build_notes(engine, tags["instance"], plan.spec.lock),
    )


def build_layers(plan: ImagePlan, build_ctx: BuildContext) -> Mapping[str, float] | Failure:
    """Build the missing layers of *plan*; return the seconds of each, by layer name.

    Raises as `build_image`.
    """
    seconds: dict[str, float] = {}
    for layer in _needed_layers(plan, build_ctx):
        started = time.monotonic()
        was_built = _build_if_missing(layer, plan, build_ctx)
        if isinstance(was_built, Failure):
            return was_built
        if was_built and layer.is_shared and build_ctx.settings.layer_cache_registry:
            push_layer(build_ctx.engine, layer.tag, build_ctx.settings.layer_cache_registry)
        seconds[layer.name] = time.monotonic() - started if was_built else 0.0
    return seconds


def remove_stale_contexts(settings: BuildSettings) -> None:
    """Remove build contexts whose process was killed."""
    remove_stale_temp_dirs(settings.cache_dir / "contexts", "build")


def measure_layers(
    engine: docker.DockerClient, layers: tuple[ImageLayer, ...]
) -> Mapping[str, int]:
    """Return the uncompressed bytes that each layer adds to the one below, by layer name.

    A layer without an image of its own, as it was pulled within a layer above, counts there.
    """
    existing = [layer for layer in layers if image_exists(engine, layer.tag)]
    totals = [int(engine.images.get(layer.tag).attrs["Size"]) for layer in existing]
    below = [0, *totals[:-1]]
    return {
        layer.name: total - lower
        for layer, total, lower in zip(existing, totals, below, strict=True)
    }


def _read_build_notes(
    engine: docker.DockerClient, tag: str, lock: RequirementsLock
) -> tuple[str, ...]:
    """Return how the source distributions of *lock* were built, from the record in the image."""
    if not lock.sdists:
        return ()
    container = engine.containers.create(tag, "true")
    try:
        chunks, _ = container.get_archive(f"{dockerfiles.VENV}/{build_sdist.RECORD}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            member = tar.extractfile(tar.getmembers()[0])
            record = member.read().decode() if member else ""
    except docker.errors.NotFound:  # of an environment that another version has built
        return ()
    finally:
        container.remove(force=True)
    return describe_builds(record, lock)


def image_exists(engine: docker.DockerClient, tag: str) -> bool:
    """Whether the engine has an image named *tag*."""
    try:
        engine.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _needed_layers(plan: ImagePlan, build_ctx: BuildContext) -> tuple[ImageLayer, ...]:
    """Return the layers of *plan* from the topmost one that exists or can be pulled.

    Without any, all layers. Only shared layers are pulled: the instance's own ones can be built as
    quickly.
    """
    if build_ctx.settings.layer_cache_registry:
        for number in reversed(range(len(plan.layers))):
            if plan.layers[number].is_shared and _pull_if_cached(plan.layers[number], build_ctx):
                return plan.layers[number:]
    return plan.layers


def _pull_if_cached(layer: ImageLayer, build_ctx: BuildContext) -> bool:
    """Pull *layer* from the layer cache unless it exists; return whether it exists now."""
    settings, engine = build_ctx.settings, build_ctx.engine
    with file_lock(settings.cache_dir / "locks", content_hash(layer.tag)):
        if image_exists(engine, layer.tag):
            return True
        build_ctx.slot.start_step()
        return pull_layer(
            engine,
            layer.tag,
            layer.kind,
            settings.layer_cache_registry,
            watch=build_ctx.slot.check_space,
        )


def _build_if_missing(
    layer: ImageLayer, plan: ImagePlan, build_ctx: BuildContext
) -> bool | Failure:
    """Build *layer* unless it exists; return True if it was built."""
    if image_exists(build_ctx.engine, layer.tag):
        return False
    with file_lock(build_ctx.settings.cache_dir / "locks", content_hash(layer.tag)):
        if image_exists(build_ctx.engine, layer.tag):
            return False
        build_ctx.slot.start_step()
        failure = _build_layer(layer, plan, build_ctx)
        if failure:
            build_ctx.slot.check_space()
            return classify_failure(
                failure, "environment" if layer.kind == "shared_packages" else layer.kind
            )
    return True


def _build_layer(layer: ImageLayer, plan: ImagePlan, build_ctx: BuildContext) -> Failure | None:
    """Fill a build context for *layer* and build it."""
    with temp_dir(build_ctx.settings.cache_dir / "contexts", "build", reuse_name=True) as folder:
        context = folder / "context"
        if layer.kind == "python":
            context = plan.prefix
        else:
            context.mkdir()
            _FILL_CONTEXT[layer.kind](context, plan.spec, build_ctx.settings)
        request = BuildRequest(
            tag=layer.tag,
            dockerfile=layer.dockerfile,
            context=context,
            temp_dir=folder,
            ignored=layer.dockerignore,
            labels=(f"{LAYER_LABEL}={layer.kind}", f"{KEY_LABEL}={layer.tag.rsplit(':', 1)[1]}"),
        )
        return run_build(build_ctx.client, request, build_ctx.slot.check_space)


def _fill_base_context(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    """Do nothing: the base layer needs no files."""


def _fill_packages_context(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    shutil.copy2(find_uv(), context / "uv")
    shutil.copy2(BYTECODE_COMPILER, context / "compile_bytecode.py")
    if settings.ca_bundle:
        shutil.copyfile(settings.ca_bundle, context / "ca.pem")
    variables = dockerfiles.render_build_env(
        ca_bundle=settings.ca_bundle is not None, index_url=settings.index_url
    )
    (context / "build.env").write_text(variables)


def fill_environment_context(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    """Put everything into *context* that the Dockerfile of the environment layer names."""
    _fill_packages_context(context, spec, settings)
    (context / "lock.txt").write_text(render_wheel_lock(spec.lock))
    if spec.lock.sdists:
        shutil.copy2(SDIST_BUILDER, context / "build_sdist.py")
    if spec.lock.archives:
        (context / "archives").mkdir()
        for path in find_archives(spec.lock, settings):
            shutil.copy2(path, context / "archives")


def _fill_checkout_context(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    make_checkout(spec.mirror, spec.checkout_layer_commit, context / "checkout", spec.submodules)


def _fill_instance_context(context: Path, spec: InstanceSpec, settings: BuildSettings) -> None:
    _fill_packages_context(context, spec, settings)
    (context / "install.sh").write_text(render_install_script(spec))
    if not spec.checkout_layer_commit:
        make_checkout(spec.mirror, spec.base_commit, context / "checkout", spec.submodules)
    elif spec.checkout_layer_commit != spec.base_commit:
        write_commit_step(
            spec.mirror, spec.checkout_layer_commit, spec.base_commit, context / "step.pack"
        )
    for number, (path, (older, commit)) in enumerate(sorted(spec.moved_submodules.items())):
        write_commit_step(spec.submodules[path], older, commit, context / f"step-{number}.pack")


_FILL_CONTEXT: Mapping[str, Callable[[Path, InstanceSpec, BuildSettings], None]] = {
    "base": _fill_base_context,
    "shared_packages": _fill_packages_context,
    "environment": fill_environment_context,
    "checkout": _fill_checkout_context,
    "instance": _fill_instance_context,
}
