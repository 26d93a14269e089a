"""The tasks that a server offers, and environments made of them."""

import threading
from functools import lru_cache

from curate.core.errors import NotFoundError
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.tasks import TaskSource, find_task, make_unknown_error
from curate.gym.environment import Environment
from curate.gym.make import make_from_task
from curate.gym.options import EnvironmentOptions
from curate.harness.grade import Grade
from curate.serve.options import ServeOptions

KEPT_TASKS = 128  # in memory: reading one from a file may take a second


class TaskShelf:
    """Tasks by id. Methods may be called from any thread."""

    def __init__(self, source: TaskSource, settings: Settings, options: ServeOptions) -> None:
        """Read the ids of *source*; raises NotFoundError if it has no tasks."""
        self.name = source.name
        self.ids = tuple(source.ids)
        if not self.ids:
            raise NotFoundError(
                f"There are no tasks in {source.name}.",
                hint="Name a dataset with --dataset, or validate candidates: curate validate",
            )
        self._known = frozenset(self.ids)
        self._source, self._settings, self._options = source, settings, options
        self._lock = threading.Lock()
        self._read = lru_cache(KEPT_TASKS)(lambda name: find_task(source, name))

    def get(self, instance_id: str) -> Task:
        """Return a task; raises NotFoundError, or ConfigurationError if its row is invalid."""
        if instance_id not in self._known:
            raise make_unknown_error(self._source, instance_id)
        with self._lock:
            return self._read(instance_id)

    def make_environment(self, instance_id: str, options: EnvironmentOptions) -> Environment:
        """Return the environment of a task; its image is pulled if it is not here."""
        return make_from_task(self.get(instance_id), options, self._settings)

    def grade(self, instance_id: str, patch: bytes) -> Grade:
        """Grade *patch* in a new sandbox."""
        options = EnvironmentOptions(sandbox=self._options.sandbox, warm=0)
        with self.make_environment(instance_id, options) as environment:
            return environment.submit(patch)
