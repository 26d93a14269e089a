"""The part of a dataset and of its predictions that one machine grades."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from curate.core.shards import Shard
from curate.core.task import Task
from curate.environments.tasks import InvalidTask, TaskSource
from curate.evaluation.predictions import PredictionFile


@dataclass(frozen=True, kw_only=True)
class ShardedTasks:
    """Those tasks of a source that are in a shard; a `TaskSource` itself."""

    source: TaskSource
    ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """The dataset, for people."""
        return self.source.name

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task | InvalidTask]:
        """Yield the tasks of *ids* that exist and are in the shard, in the dataset's order."""
        mine = frozenset(self.ids)
        return self.source.iter_tasks([name for name in ids if name in mine])


def select_shard(
    shard: Shard, source: TaskSource, predictions: PredictionFile
) -> tuple[TaskSource, PredictionFile]:
    """Return the tasks and predictions in *shard*.

    Instances with the same image are in the same shard, so no other pulls it; all predictions of an
    instance are as well. Predictions of unknown instances are spread by their ids.
    """
    keys = {task.instance_id: _make_key(task) for task in source.iter_tasks(source.ids)}
    ids = tuple(name for name in source.ids if shard.contains(*keys.get(name, (name,))))
    known, mine = frozenset(source.ids), frozenset(ids)
    models = tuple(
        replace(
            model,
            patches={
                name: patch
                for name, patch in model.patches.items()
                if name in mine or (name not in known and shard.contains(name))
            },
        )
        for model in predictions.models
    )
    return ShardedTasks(source=source, ids=ids), replace(predictions, models=models)


def _make_key(task: Task | InvalidTask) -> tuple[str, ...]:
    if isinstance(task, InvalidTask) or not task.image_digest:
        return (task.instance_id,)
    return (task.image_digest,)
