"""Look at the machine."""

import resource
import tempfile
from pathlib import Path

from curate.builders.backends.local import TEMPORARY_BYTES
from curate.builders.engine.client import connect_to_engine, find_image_store
from curate.builders.errors import BuilderError
from curate.builders.process.free_space import free_bytes, free_inode_fraction
from curate.doctor.context import CheckContext
from curate.doctor.judgments.machine import (
    CgroupFacts,
    DiskFacts,
    KernelFacts,
    judge_cgroups,
    judge_disks,
    judge_inodes,
    judge_kernel,
    judge_limits,
)
from curate.doctor.model import ALL_JOBS, Check, Job
from curate.doctor.probes.tools import read_system

CGROUPS = Path("/sys/fs/cgroup")
_STORE_BYTES = 64 << 20  # of the data directory, without which the database cannot grow
_LOW_STORE_BYTES = 1 << 30


def check_kernel(context: CheckContext) -> list[Check]:
    """Kernel and machine."""
    system, release, machine = read_system()
    return [judge_kernel(KernelFacts(system=system, release=release, machine=machine))]


def check_cgroups(context: CheckContext) -> list[Check]:
    """How control groups are mounted."""
    return [judge_cgroups(read_cgroups(CGROUPS), context.sandbox)]


def read_cgroups(root: Path) -> CgroupFacts:
    """Return mode and controllers of the control groups at *root*."""
    if (root / "cgroup.controllers").exists():
        return CgroupFacts(mode="v2", controllers=_read_words(root / "cgroup.controllers"))
    folders = [it.name for it in root.iterdir() if it.is_dir()] if root.is_dir() else []
    controllers = frozenset(name for folder in folders for name in folder.split(","))
    if not controllers:
        return CgroupFacts(mode="none")
    unified = root / "unified" / "cgroup.controllers"
    if unified.exists():
        own = controllers - {"unified"} | _read_words(unified)
        return CgroupFacts(mode="hybrid", controllers=own)
    return CgroupFacts(mode="v1", controllers=controllers)


def _read_words(file: Path) -> frozenset[str]:
    try:
        return frozenset(file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return frozenset()


def check_disks(context: CheckContext) -> list[Check]:
    """Room and inodes where things are written."""
    disks = _measure_disks(context)
    return [judge_disks(disks), judge_inodes(disks)]


def _measure_disks(context: CheckContext) -> list[DiskFacts]:
    settings = context.settings
    reserve = settings.build_settings().min_free_disk_bytes
    temporary = Path(tempfile.gettempdir())
    folders = [
        ("data directory", settings.data_dir, (_STORE_BYTES, _LOW_STORE_BYTES), ALL_JOBS),
        ("temporary files", temporary, (TEMPORARY_BYTES, TEMPORARY_BYTES * 2), ALL_JOBS),
        ("cache", settings.cache_dir, (reserve, reserve * 2), (Job.VALIDATE,)),
    ]
    if engine_root := _find_engine_root(context):
        folders.append(("engine", engine_root, (reserve, reserve * 2), (Job.VALIDATE,)))
    return [
        DiskFacts(
            label=label,
            path=str(path),
            free_bytes=free_bytes(path),
            needed_bytes=needed,
            wanted_bytes=wanted,
            free_inodes=free_inode_fraction(_find_existing(path)),
            jobs=jobs,
        )
        for label, path, (needed, wanted), jobs in folders
    ]


def _find_engine_root(context: CheckContext) -> Path | None:
    """The engine's folder of layers; None if there is no engine, or if it is elsewhere."""
    if context.sandbox != "docker":
        return None
    try:
        client = connect_to_engine(ping_timeout=context.answer_seconds)
        found = find_image_store(client)
    except (BuilderError, OSError):
        return None  # which another check tells
    return found if found != Path("/") else None


def _find_existing(path: Path) -> Path:
    return next(it for it in (path, *path.absolute().parents) if it.exists())


def check_limits(context: CheckContext) -> list[Check]:
    """What this user may have open, and run."""
    return [judge_limits(_read_limit(resource.RLIMIT_NOFILE), _read_limit(resource.RLIMIT_NPROC))]


def _read_limit(which: int) -> int | None:
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft
