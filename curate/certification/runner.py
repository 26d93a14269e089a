"""Where the runs of a certification happen: an image pulled clean, a local build, or either."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.backends.protocol import Backend
from curate.builders.backends.run_retries import run_with_retries
from curate.builders.engine.client import translate_engine_errors
from curate.builders.engine.pull_notes import read_pulled
from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits, RunResult, RunStatus
from curate.builders.settings import BuildSettings
from curate.certification.parser_names import accept_as_swebench, rename_outcomes
from curate.certification.published_tasks import PublishedTask
from curate.core.task import Task
from curate.environments.task_instance import prepare_instance
from curate.harness.grade import make_run_spec

if TYPE_CHECKING:
    import docker

    from curate.builders.engine.clean_pull import CleanPull, SharedPulls

PATIENCE = 4  # times the limits, for a run that was stopped at one
TIME_LIMIT_MESSAGE = b"stopped at the time limit of"  # of the reporter, for a test
IN_OUR_ENVIRONMENT = "in an environment of curate"


class NoEnvironmentError(SandboxError):
    """A row's own image cannot be pulled, and curate has no environment for it."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs the tests of one instance with a patch."""

    task: Task  # with the image that runs
    is_pulled: bool
    run: Callable[[bytes], RunResult]  # b"" = no patch
    note: str = ""  # for people


@contextmanager
def open_runner(
    task: Task, backend: Backend, check_cancelled: Callable[[], None]
) -> Iterator[Runner]:
    """Yield what runs *task*; an image that was pulled for it is removed afterwards.

    Raises ImageGoneError, RegistryUnavailableError, NoEnvironmentError, and other BuilderError.
    """
    engine: docker.DockerClient | None = getattr(backend, "engine", None)
    if isinstance(task, PublishedTask):
        with _open_published(task, backend, engine, check_cancelled) as runner:
            yield runner
    elif engine is None or "@" not in task.image:
        yield _make_runner(task, backend, check_cancelled, is_pulled=False)
    else:
        with _pull(backend, engine, task.image) as pulled:
            ready = replace(task, image=pulled.reference, image_digest=pulled.digest)
            yield _make_runner(ready, backend, check_cancelled, is_pulled=True)


def has_left_pulls(backend: Backend) -> bool:
    """Whether a process that was killed has left images that it would have removed."""
    notes = _find_notes(backend)
    return notes is not None and bool(read_pulled(notes))


def remove_left_pulls(backend: Backend) -> None:
    """Remove the images that a killed process has left."""
    from curate.builders.engine.clean_pull import forget_left

    notes, engine = _find_notes(backend), getattr(backend, "engine", None)
    if engine is not None and notes is not None:
        with translate_engine_errors():
            forget_left(engine, notes)


def _find_notes(backend: Backend) -> Path | None:
    """Where a process notes what it has pulled; those of other data directories have their own."""
    settings: BuildSettings | None = getattr(backend, "settings", None)
    return settings.cache_dir / "clean-pulls" / settings.run_owner if settings else None


@contextmanager
def _pull(backend: Backend, engine: "docker.DockerClient", reference: str) -> "Iterator[CleanPull]":
    with ExitStack() as pulling:
        with translate_engine_errors():
            pulls = _shared_pulls(_find_notes(backend))
            pulled = pulling.enter_context(pulls.use(engine, reference))
        yield pulled


@cache
def _shared_pulls(notes: Path | None) -> "SharedPulls":
    from curate.builders.engine.clean_pull import SharedPulls

    return SharedPulls(notes)


def _make_runner(
    task: Task, backend: Backend, check_cancelled: Callable[[], None], *, is_pulled: bool
) -> Runner:
    built = prepare_instance(task, backend)

    def run(patch: bytes) -> RunResult:
        spec = make_run_spec(task, patch)
        result = run_with_retries(backend, built, spec, check_cancelled)
        if not _hit_time_limit(result):
            return result
        patient = replace(spec, limits=_extend(spec.limits))
        return run_with_retries(backend, built, patient, check_cancelled)

    return Runner(task=task, is_pulled=is_pulled, run=run)


@contextmanager
def _open_published(
    task: PublishedTask,
    backend: Backend,
    engine: "docker.DockerClient | None",
    check_cancelled: Callable[[], None],
) -> Iterator[Runner]:
    """Yield a runner in the first of the row's own images that can be pulled, else in ours."""
    from curate.builders.engine.registry import RegistryError

    problem = "it has none"
    for image in task.own_images if engine is not None else ():
        assert engine is not None
        with ExitStack() as pulling:
            try:
                pulled = pulling.enter_context(_pull(backend, engine, image))
            except RegistryError as error:
                problem = str(error)
                continue
            yield _make_own_runner(task, pulled, backend, engine, check_cancelled)
        return
    if not task.has_environment:
        raise NoEnvironmentError(f"its own image cannot be pulled: {problem}")
    inner = _make_runner(task, backend, check_cancelled, is_pulled=False)
    run = partial(_run_renamed, inner, task)
    note = "; ".join(filter(None, (IN_OUR_ENVIRONMENT, task.notes)))
    yield replace(inner, run=run, note=note)


def _hit_time_limit(result: RunResult) -> bool:
    return result.status is RunStatus.TIMEOUT or TIME_LIMIT_MESSAGE in result.output


def _extend(limits: ResourceLimits) -> ResourceLimits:
    """Return *limits* for a machine that is busy: that it is slow says nothing of an instance."""
    return replace(
        limits,
        seconds=limits.seconds * PATIENCE,
        test_seconds=limits.test_seconds * PATIENCE,
    )


def _make_own_runner(
    task: PublishedTask,
    pulled: "CleanPull",
    backend: Backend,
    engine: "docker.DockerClient",
    check_cancelled: Callable[[], None],
) -> Runner:
    from curate.certification.own_image import run_in_own_image

    settings = getattr(backend, "settings", None)
    owner = str(getattr(settings, "run_owner", "curate-certification"))  # `cleanup` goes by it

    def run(patch: bytes) -> RunResult:
        check_cancelled()
        return run_in_own_image(engine, pulled.reference, task, patch, owner)

    ready = replace(task, image=pulled.reference, image_digest=pulled.digest)
    return Runner(task=ready, is_pulled=True, run=run, note=task.notes)


def _run_renamed(inner: Runner, task: PublishedTask, patch: bytes) -> RunResult:
    """Run as always, and return outcomes by the names that the row has."""
    result = inner.run(patch)
    names = (*task.fail_to_pass, *task.pass_to_pass)
    outcomes = accept_as_swebench(rename_outcomes(result.outcomes, names), task.pass_to_pass)
    return replace(result, outcomes=outcomes)
