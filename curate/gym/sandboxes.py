"""The sandboxes of this process: one backend for each kind, and the sessions of each image."""

import atexit
import logging
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache

from curate.builders.backends.docker import DockerBackend
from curate.builders.backends.local import LocalBackend
from curate.builders.errors import BuilderError
from curate.builders.model import BuiltInstance
from curate.builders.process.temp_dirs import temp_dir
from curate.builders.session.docker import DockerSessions
from curate.builders.session.layers import LayerStore
from curate.builders.session.leftovers import name_owner, remove_leftovers
from curate.builders.session.local import LocalSessions
from curate.builders.session.model import Session, SessionOptions
from curate.builders.settings import BuildSettings
from curate.core.files import make_cache_dir
from curate.core.settings import Settings
from curate.core.task import Task
from curate.gym.options import EnvironmentOptions, check_sandbox

log = logging.getLogger(__name__)

FOLDERS = "sessions"  # of the cache: files of living sandboxes, one folder for each process

Sessions = DockerSessions | LocalSessions


class Sandboxes:
    """Opens sessions with a backend; what is needed for the next one is kept ready."""

    def __init__(self, kind: str, settings: Settings) -> None:
        self.settings = settings.build_settings()
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Sessions] = {}
        self._stack = ExitStack()
        make_cache_dir(self.settings.cache_dir)
        folders = self.settings.cache_dir / FOLDERS
        folder = self._stack.enter_context(temp_dir(folders, "session"))
        self.layers = LayerStore(folder)
        # Of runs that grade: a validation of the same data directory must not end them.
        owner = name_owner(self.settings, folder)
        try:
            self.backend = _open_backend(kind, replace(self.settings, run_owner=owner))
            remove_leftovers(folders, self.backend, self.settings)
        except BaseException:
            self._stack.close()
            raise

    def open_session(
        self, task: Task, built: BuiltInstance, options: EnvironmentOptions
    ) -> Session:
        """Return a new session of *built*, whose shell has the variables of *task*."""
        session_options = SessionOptions(
            env_vars=dict(task.env_vars), limits=task.limits, network=options.network
        )
        key = (built.handle, repr(session_options))
        with self._lock:
            sessions = self._sessions.get(key)
            if sessions is None:
                sessions = self._make_sessions(built, session_options)
                log.debug(
                    "%s: snapshots by %s %s", built.name, sessions.method, sessions.snapshot_note
                )
                self._sessions[key] = sessions
        sessions.pool.size = max(options.warm, sessions.pool.size)
        return sessions.open()

    def close(self) -> None:
        """Remove what is kept ready, and all files."""
        for sessions in self._sessions.values():
            with suppress(BuilderError):
                sessions.close()
        self._stack.close()

    def _make_sessions(self, built: BuiltInstance, options: SessionOptions) -> Sessions:
        if isinstance(self.backend, DockerBackend):
            return DockerSessions(
                self.backend.engine, built.handle, options, self.settings, self.layers
            )
        return LocalSessions(built.handle, options, self.settings, self.layers)


def _open_backend(kind: str, settings: BuildSettings) -> DockerBackend | LocalBackend:
    check_sandbox(kind)
    backend: DockerBackend | LocalBackend = (
        LocalBackend(settings) if kind == "local" else DockerBackend(settings)
    )
    backend.check_available()
    return backend


@cache
def find_sandboxes(kind: str, settings: Settings) -> Sandboxes:
    """Return the sandboxes of this process for *settings*; they end with it."""
    sandboxes = Sandboxes(kind, settings)
    atexit.register(sandboxes.close)
    return sandboxes
