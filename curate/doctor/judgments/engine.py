"""The container engine: whether it answers, builds, and can hold test runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.doctor.model import Check, Job, make_failure, make_ok, make_skipped, make_warning

GOOD_DRIVERS = frozenset({"overlay2", "overlayfs", "fuse-overlayfs", "overlay", "btrfs", "zfs"})
DOCKER = "docker"  # the sandbox that this engine is for; Podman has a service of its own


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What the engine says of itself; with `fault`, why it says nothing."""

    version: str = ""
    driver: str = ""
    runtimes: Sequence[str] = ()
    lacks: Sequence[str] = ()  # limits that it cannot hold, as in "memory"
    fault: str = ""
    hint: str = ""


def judge_engine(facts: EngineFacts, sandbox: str, runtime: str) -> Check:
    """Whether the engine does for *sandbox*, with the container *runtime* of the settings."""
    if facts.fault:
        if sandbox != DOCKER:
            return make_skipped("engine", f"{facts.fault}; --sandbox {sandbox} does without")
        return make_failure("engine", facts.fault, _find_remedy(facts), [Job.VALIDATE, Job.PUBLISH])
    found = f"{facts.version}, storage driver {facts.driver}"
    if runtime and runtime not in facts.runtimes:
        text = f"{found}; no runtime {runtime!r}, but {', '.join(facts.runtimes)}"
        remedy = "Register the runtime with the engine, or unset container_runtime."
        return make_failure("engine", text, remedy, [Job.VALIDATE])
    if facts.driver not in GOOD_DRIVERS:
        remedy = "Set the storage driver overlay2: this one copies every layer or is untested."
        return make_warning("engine", found, remedy)
    if facts.lacks:
        text = f"{found}; it cannot limit {', '.join(facts.lacks)}"
        return make_warning("engine", text, "Let the kernel have the controllers: see cgroups.")
    return make_ok("engine", found)


def _find_remedy(facts: EngineFacts) -> str:
    if "ermission denied" in facts.fault:
        return "Let this user use the engine: sudo usermod -aG docker $USER, then log in again."
    return facts.hint or "Start Docker, set DOCKER_HOST, or use --sandbox local."


def judge_buildkit(client: str, fault: str, sandbox: str) -> Check:
    """Whether a client can build with BuildKit; *client* is its command."""
    if sandbox != DOCKER:
        return make_skipped("buildkit", f"--sandbox {sandbox} needs none")
    if fault:
        remedy = "Install docker-buildx, or set docker_cli to the path of a client that has it."
        return make_failure("buildkit", fault, remedy, [Job.VALIDATE])
    return make_ok("buildkit", client)


def judge_sandboxes(faults: Mapping[str, str], chosen: str) -> Check:
    """Which sandboxes can be used; *faults* says of each why not, or is empty."""
    usable = [name for name, fault in faults.items() if not fault]
    found = "usable: " + (", ".join(usable) or "none")
    others = "; ".join(f"{name}: {fault}" for name, fault in faults.items() if fault)
    if chosen not in usable:
        text = f"--sandbox {chosen} cannot be used: {faults.get(chosen) or 'unknown'}; {found}"
        remedy = f"Use --sandbox {usable[0]}." if usable else "Install Docker or Podman."
        return make_failure("sandboxes", text, remedy, [Job.VALIDATE])
    return make_ok("sandboxes", f"{found} ({others})" if others else found)
