"""Remove what sessions of killed processes have left: containers, processes and files."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from curate.builders.backends.docker import DockerBackend
from curate.builders.backends.local import LocalBackend
from curate.builders.engine.client import translate_engine_errors
from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.builders.sandbox.docker import remove_container, remove_containers
from curate.builders.sandbox.local import remove_stale_runs
from curate.builders.session.docker import SESSION_LABEL
from curate.builders.settings import BuildSettings


def remove_leftovers(
    folders: Path, backend: DockerBackend | LocalBackend, settings: BuildSettings
) -> None:
    """Remove containers and folders of sessions whose process has ended.

    A container usually ends with its process; one that does not is found by its label, which names
    the folder in *folders* that its process had locked. So are its runs, by `name_owner` of
    *settings*.
    """
    stale = [it for it in folders.glob("*") if it.is_dir() and not _is_locked(it)]
    for owner_name in (name_owner(settings, it) for it in stale):
        if isinstance(backend, DockerBackend):
            remove_containers(backend.engine, owner_name)
        else:
            remove_stale_runs(owner_name)
    if isinstance(backend, DockerBackend):
        with translate_engine_errors():
            found = backend.engine.api.containers(all=True, filters={"label": SESSION_LABEL})
            for container in found:
                owner = Path(container["Labels"][SESSION_LABEL])
                if owner.parent == folders and not _is_locked(owner):
                    remove_container(backend.engine, container["Id"])
    remove_stale_temp_dirs(folders, "session")


def name_owner(settings: BuildSettings, folder: Path) -> str:
    """Return the owner of the runs of the process whose folder of sessions is *folder*."""
    return f"{settings.run_owner}-{folder.name}"


def _is_locked(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
    return False
