"""One instance: its image pulled clean, then the gold patch and no patch run in new sandboxes."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from curate import __version__
from curate.builders.backends.protocol import Backend
from curate.builders.backends.run_retries import run_with_retries
from curate.builders.engine.client import translate_engine_errors
from curate.builders.model import BuiltInstance, RunResult
from curate.certification.judge import EMPTY, decide_result, describe_result, find_differences
from curate.core.certification import (
    Certification,
    CertificationResult,
    MachineFacts,
    TestDifference,
)
from curate.core.task import Task
from curate.environments.task_instance import prepare_instance
from curate.harness.grade import make_grade, make_run_spec

if TYPE_CHECKING:
    import docker

NO_PATCH = b""


@dataclass(frozen=True, kw_only=True)
class InstanceRuns:
    """How one instance is certified."""

    gold_runs: int
    check_cancelled: Callable[[], None]  # before each run; may raise an error
    report_step: Callable[[str], None]
    now: Callable[[], datetime]


def certify_task(
    task: Task, backend: Backend, machine: MachineFacts, runs: InstanceRuns
) -> tuple[Certification, bytes]:
    """Return the certification of *task*, and what the first run that differs printed.

    Raises BuilderError if the machine, the engine or the registry fails, which says nothing of
    the instance, and what `check_cancelled` raises.
    """
    from curate.builders.engine.clean_pull import ImageGoneError

    started, certified_at = time.monotonic(), runs.now()
    base = Certification(
        instance_id=task.instance_id,
        certified_at=certified_at,
        result=CertificationResult.IMAGE_MISSING,
        image=task.image_digest or task.image,
        repository=task.image.partition("@")[0] if "@" in task.image else "",
        machine=machine,
    )
    runs.check_cancelled()
    try:
        with _provide_image(task, backend, runs) as (ready, is_pulled):
            found, output = _run_all(ready, prepare_instance(ready, backend), backend, runs)
    except ImageGoneError as error:
        return replace(base, detail=str(error), seconds=time.monotonic() - started), b""
    return (
        replace(
            base,
            **found,
            image=ready.image_digest or ready.image,
            repository=ready.image.partition("@")[0] if "@" in ready.image else "",
            is_pulled=is_pulled,
            seconds=time.monotonic() - started,
        ),
        output,
    )


@contextmanager
def _provide_image(task: Task, backend: Backend, runs: InstanceRuns) -> Iterator[tuple[Task, bool]]:
    """Yield *task* with the image that runs, and whether it was pulled; remove it afterwards."""
    engine: docker.DockerClient | None = getattr(backend, "engine", None)
    if engine is None or "@" not in task.image:
        yield task, False
        return
    from curate.builders.engine.clean_pull import forget, pull_clean

    runs.report_step("pulling the image")
    with translate_engine_errors():
        pulled = pull_clean(engine, task.image)
    try:
        yield replace(task, image=pulled.reference, image_digest=pulled.digest), True
    finally:
        with translate_engine_errors():
            forget(engine, pulled)


def _run_all(
    task: Task, built: BuiltInstance, backend: Backend, runs: InstanceRuns
) -> tuple[dict[str, Any], bytes]:
    gold: list[tuple[TestDifference, ...]] = []
    output = b""
    for number in range(1, runs.gold_runs + 1):
        name = f"gold {number}"
        result = _run(task, built, backend, task.gold, f"{name}/{runs.gold_runs}", runs)
        gold.append(find_differences(task, name, result))
        output = output or (result.output if gold[-1] else b"")
    result = _run(task, built, backend, NO_PATCH, EMPTY, runs)
    empty = find_differences(task, EMPTY, result)
    output = output or (result.output if empty else b"")
    differences = (*(it for run in gold for it in run), *empty)
    decided = decide_result(task, gold, empty)
    found = {
        "result": decided,
        "gold_runs": len(gold),
        "gold_passes": sum(not run for run in gold),
        "empty_result": str(make_grade(task, NO_PATCH, result).reason),
        "differences": differences,
        "detail": describe_result(decided, differences),
    }
    return found, output


def _run(
    task: Task,
    built: BuiltInstance,
    backend: Backend,
    patch: bytes,
    step: str,
    runs: InstanceRuns,
) -> RunResult:
    runs.report_step(step)
    return run_with_retries(backend, built, make_run_spec(task, patch), runs.check_cancelled)


def describe_machine(backend: Backend) -> MachineFacts:
    """Return the facts of the machine on which *backend* runs tests."""
    engine: docker.DockerClient | None = getattr(backend, "engine", None)
    facts = MachineFacts(
        curate_version=__version__,
        sandbox=backend.name,
        kernel=platform.release(),
        architecture=platform.machine(),
        system=f"{platform.system()} {os.uname().version}",
        timezone=time.strftime("%Z"),
    )
    if engine is None:
        return facts
    with translate_engine_errors():
        info = engine.info()
    return replace(
        facts,
        engine=str(info.get("ServerVersion", "")),
        kernel=str(info.get("KernelVersion", facts.kernel)),
        architecture=str(info.get("Architecture", facts.architecture)),
        system=str(info.get("OperatingSystem", facts.system)),
    )
