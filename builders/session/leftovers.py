"""Remove what sessions of killed processes have left: containers, processes and files."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from curate.builders.backends.docker import DockerBackend
from curate.builders.backends.protocol import Backend
from curate.builders.engine.client import translate_engine_errors
from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.builders.sandbox.docker import remove_container
from curate.builders.session.docker import SESSION_LABEL


def remove_leftovers(folders: Path, backend: Backend) -> None:
    """Remove containers and folders of sessions whose process has ended.

    A container usually ends with its process; one that does not is found by its label, which names
    the folder in *folders* that its process had locked.
    """
    if isinstance(backend, DockerBackend):
        with translate_engine_errors():
            found = backend.engine.api.containers(all=True, filters={"label": SESSION_LABEL})
            for container in found:
                owner = Path(container["Labels"][SESSION_LABEL])
                if owner.parent == folders and not _is_locked(owner):
                    remove_container(backend.engine, container["Id"])
    remove_stale_temp_dirs(folders, "session")


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
