"""Look at container engines and other sandboxes."""

import shutil
from collections.abc import Callable, Mapping

from curate.builders.engine.apptainer import check_apptainer
from curate.builders.engine.buildkit import find_build_client
from curate.builders.engine.client import connect_to_engine
from curate.builders.engine.podman import find_podman
from curate.builders.errors import BuilderError
from curate.doctor.commands import ask_command
from curate.doctor.context import CheckContext
from curate.doctor.judgments.engine import (
    EngineFacts,
    judge_buildkit,
    judge_engine,
    judge_sandboxes,
)
from curate.doctor.model import Check
from curate.doctor.parallel import call_all

_LIMITS = {"memory": "MemoryLimit", "pids": "PidsLimit", "cpu": "CpuCfsQuota"}


def check_engine(context: CheckContext) -> list[Check]:
    """What the engine says of itself."""
    runtime = context.settings.container_runtime
    return [judge_engine(read_engine(context), context.sandbox, runtime)]


def read_engine(context: CheckContext) -> EngineFacts:
    """Ask the engine of DOCKER_HOST."""
    try:
        client = connect_to_engine(ping_timeout=context.answer_seconds)
        client.api.timeout = int(context.answer_seconds)
        info = client.info()
    except BuilderError as error:
        return EngineFacts(fault=str(error), hint=error.hint)
    except OSError as error:
        return EngineFacts(fault=f"the container engine does not answer: {type(error).__name__}")
    return EngineFacts(
        version=f"{info.get('ServerVersion')}, cgroup v{info.get('CgroupVersion', '1')}",
        driver=str(info.get("Driver")),
        runtimes=sorted(info.get("Runtimes") or ()),
        lacks=[name for name, key in _LIMITS.items() if not info.get(key, True)],
    )


def check_buildkit(context: CheckContext) -> list[Check]:
    """Whether a client builds with BuildKit."""
    try:
        client = find_build_client(context.settings.docker_cli)
    except BuilderError as error:
        return [judge_buildkit("", str(error), context.sandbox)]
    words = [word for word in client.command if not word.startswith("--")]
    return [judge_buildkit(" ".join(words), "", context.sandbox)]


def check_sandboxes(context: CheckContext) -> list[Check]:
    """Which of the sandboxes can be used."""
    probes: Mapping[str, Callable[[], str]] = {
        "docker": lambda: read_engine(context).fault,
        "podman": lambda: _find_fault_of_podman(context),
        "apptainer": _find_fault_of_apptainer,
        "local": _find_fault_of_local,
    }
    outcomes = call_all(list(probes.values()), context.seconds_left)
    faults = {
        name: outcome if isinstance(outcome, str) else "no answer"
        for name, outcome in zip(probes, outcomes, strict=True)
    }
    return [judge_sandboxes(faults, context.sandbox)]


def _find_fault_of_podman(context: CheckContext) -> str:
    try:
        path = find_podman()
    except BuilderError as error:
        return str(error)
    command = [path, "info", "--format", "{{.Host.CgroupsVersion}}"]
    answer = ask_command(command, context.environment, context.answer_seconds)
    return "" if answer.code == 0 else answer.last_line or "podman info failed"


def _find_fault_of_apptainer() -> str:
    try:
        check_apptainer()
    except BuilderError as error:
        return str(error)
    return ""


def _find_fault_of_local() -> str:
    return "" if shutil.which("git") else "it needs git"
