"""One instance: its image pulled clean, then the gold patch and no patch run in new sandboxes."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from curate import __version__
from curate.builders.backends.protocol import Backend
from curate.builders.engine.client import translate_engine_errors
from curate.certification.judge import EMPTY, decide_result, describe_result, find_differences
from curate.certification.runner import Runner, open_runner
from curate.core.certification import (
    Certification,
    CertificationResult,
    MachineFacts,
    TestDifference,
)
from curate.core.task import Task
from curate.harness.grade import make_grade

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
    runs.report_step("providing the image")
    try:
        with open_runner(task, backend, runs.check_cancelled) as runner:
            found, output = _run_all(runner, runs)
            ready, is_pulled = runner.task, runner.is_pulled
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


def _run_all(runner: Runner, runs: InstanceRuns) -> tuple[dict[str, Any], bytes]:
    task, gold, output = runner.task, list[tuple[TestDifference, ...]](), b""
    for number in range(1, runs.gold_runs + 1):
        name = f"gold {number}"
        runs.report_step(f"{name}/{runs.gold_runs}")
        result = runner.run(task.gold)
        gold.append(find_differences(task, name, result))
        output = output or (result.output if gold[-1] else b"")
    runs.report_step("no patch")
    result = runner.run(NO_PATCH)
    empty = find_differences(task, EMPTY, result)
    output = output or (result.output if empty else b"")
    differences = (*(it for run in gold for it in run), *empty)
    decided = decide_result(task, gold, empty)
    detail = describe_result(decided, differences)
    found = {
        "result": decided,
        "gold_runs": len(gold),
        "gold_passes": sum(not run for run in gold),
        "empty_result": str(make_grade(task, NO_PATCH, result).reason),
        "differences": differences,
        "detail": "; ".join(filter(None, (detail, runner.note))),
    }
    return found, output


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
