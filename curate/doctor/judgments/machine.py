"""The machine: kernel, control groups, disks, limits of processes."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.doctor.model import (
    ALL_JOBS,
    Check,
    Job,
    make_failure,
    make_ok,
    make_warning,
)

LIMITING = frozenset({"memory", "pids", "cpu"})  # controllers that limits of runs need
MIN_FREE_INODES = 0.02
LOW_FREE_INODES = 0.1
MIN_FILES = 256  # open files at once; less, and parallel runs fail
LOW_FILES = 1024
LOW_PROCESSES = 1024
_PRUNE = "Free disk space, for example: curate images prune --keep 20"


@dataclass(frozen=True, kw_only=True)
class KernelFacts:
    """What runs here."""

    system: str  # as in "Linux"
    release: str
    machine: str  # as in "x86_64"


@dataclass(frozen=True, kw_only=True)
class CgroupFacts:
    """How control groups are mounted, and which controllers there are."""

    mode: str  # "v2", "hybrid", "v1" or "none"
    controllers: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DiskFacts:
    """A folder that is written to, and the disk that it is or will be on."""

    label: str  # as in "data directory"
    path: str
    free_bytes: int
    needed_bytes: int  # with less, work fails
    wanted_bytes: int  # with less, it will soon
    free_inodes: float  # fraction
    jobs: tuple[Job, ...] = ALL_JOBS


def judge_kernel(facts: KernelFacts) -> Check:
    """Whether this is a system that curate is tested on."""
    found = f"{facts.system} {facts.release}, {facts.machine}"
    if facts.system != "Linux":
        remedy = "Use Linux, or a virtual machine with it; elsewhere curate is not tested."
        return make_warning("kernel", found, remedy)
    if facts.machine not in {"x86_64", "amd64"}:
        remedy = "Images made here run on such machines only; published ones are for x86_64."
        return make_warning("kernel", found, remedy)
    return make_ok("kernel", found)


def judge_cgroups(facts: CgroupFacts, sandbox: str) -> Check:
    """Whether limits of test runs can be held in *sandbox*."""
    names = ", ".join(sorted(facts.controllers)) or "none"
    found = f"{facts.mode}, controllers: {names}"
    missing = sorted(LIMITING - facts.controllers)
    if sandbox == "local":
        return make_ok("cgroups", f"{found}; the local sandbox does not need them")
    if missing:
        remedy = (
            f"Let the system delegate {', '.join(missing)} (with systemd: Delegate=yes), or runs"
            " have no such limit. docs/rootless.md has more."
        )
        return make_warning("cgroups", f"{found}; missing: {', '.join(missing)}", remedy)
    return make_ok("cgroups", found)


def judge_disks(disks: Sequence[DiskFacts]) -> Check:
    """Whether there is room where things are written."""
    found = ", ".join(f"{_show_gib(it.free_bytes)} free for {it.label}" for it in disks)
    full = [it for it in disks if it.free_bytes < it.needed_bytes]
    low = [it for it in disks if it.free_bytes < it.wanted_bytes]
    if full:
        names = ", ".join(
            f"{it.label} ({it.path}): {_show_gib(it.free_bytes)} free,"
            f" {_show_gib(it.needed_bytes)} needed"
            for it in full
        )
        remedy = f"{_PRUNE}. Or set min_free_disk_gib, --data-dir, --cache-dir or TMPDIR."
        return make_failure("disk", names, remedy, _join_jobs(full))
    if low:
        return make_warning("disk", f"{found}; low: {', '.join(it.label for it in low)}", _PRUNE)
    return make_ok("disk", found)


def judge_inodes(disks: Sequence[DiskFacts]) -> Check:
    """Whether files can be made where things are written."""
    found = ", ".join(f"{it.free_inodes:.0%} free for {it.label}" for it in disks)
    remedy = "Remove images and build cache, which have many small files: df -i tells where."
    full = [it for it in disks if it.free_inodes < MIN_FREE_INODES]
    if full:
        names = ", ".join(f"{it.label} ({it.path})" for it in full)
        return make_failure("inodes", f"no inodes left for {names}", remedy, _join_jobs(full))
    if any(it.free_inodes < LOW_FREE_INODES for it in disks):
        return make_warning("inodes", found, remedy)
    return make_ok("inodes", found)


def judge_limits(open_files: int | None, processes: int | None) -> Check:
    """Whether this user may have enough open files and processes; None = any number."""
    shown = ["any" if it is None else f"{it:,}" for it in (open_files, processes)]
    found = f"{shown[0]} open files, {shown[1]} processes"
    remedy = "Raise them before the call: ulimit -n 4096; ulimit -u 8192"
    if open_files is not None and open_files < MIN_FILES:
        return make_failure("limits", found, remedy, [Job.VALIDATE])
    is_low = open_files is not None and open_files < LOW_FILES
    if is_low or (processes is not None and processes < LOW_PROCESSES):
        return make_warning("limits", found, remedy)
    return make_ok("limits", found)


def _show_gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"


def _join_jobs(disks: Sequence[DiskFacts]) -> list[Job]:
    return [job for job in Job if any(job in it.jobs for it in disks)]
