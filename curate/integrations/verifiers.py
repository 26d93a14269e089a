"""A dataset as a taskset of Prime's `verifiers`, graded in a fresh container.

`vf-eval curate.integrations.verifiers --env.taskset.dataset RELEASE`; prime-rl takes it by the same
name. Needs `pip install swe-curate[verifiers]` and Docker.
"""

import asyncio
from collections.abc import Iterator

import verifiers.v1 as vf
from verifiers.v1.runtimes import Runtime
from verifiers.v1.state import State

from curate.core.task import Task
from curate.environments.tasks import DEFAULT_SPLIT
from curate.harness.collect_patch import make_collect_script
from curate.harness.grade import Grade
from curate.integrations.grading import PATCH_PATH, grade, iter_tasks, make_prompt, read_gold

__all__ = ["CurateTaskset"]


class CurateConfig(vf.TasksetConfig):
    """Which tasks: options `--env.taskset.dataset` and `--env.taskset.split`."""

    dataset: str = ""
    split: str = DEFAULT_SPLIT


class CurateData(vf.TaskData):
    """What a trace keeps of a task: neither gold nor test patch."""

    dataset: str
    split: str
    repo: str
    base_commit: str


class CurateTask(vf.Task[CurateData, State, vf.TaskConfig]):
    """One instance: solved in its image, graded in a container that the agent never touched."""

    NEEDS_CONTAINER = True

    @property
    def key(self) -> str:
        """The instance id."""
        return str(self.data.id)

    @vf.reward
    async def resolved(self, trace: vf.Trace, runtime: Runtime) -> float:
        """1.0 if all tests of the instance pass with what the agent has changed."""
        found = await self._grade(runtime)
        trace.record_metrics(
            {
                "fail_to_pass": found.fail_to_pass.fraction,
                "pass_to_pass": found.pass_to_pass.fraction,
            }
        )
        return found.reward

    async def validate(self, runtime: Runtime) -> bool:
        """Apply the gold patch as an agent would have, and grade that."""
        gold = await asyncio.to_thread(read_gold, *self._place())
        await runtime.write(PATCH_PATH, gold)
        await self._run(runtime, f"cd /testbed && git apply {PATCH_PATH}")
        return (await self._grade(runtime)).resolved

    async def _grade(self, runtime: Runtime) -> Grade:
        await self._run(runtime, make_collect_script(self.data.base_commit, PATCH_PATH))
        patch = await runtime.read(PATCH_PATH)
        return await asyncio.to_thread(grade, *self._place(), patch)

    async def _run(self, runtime: Runtime, script: str) -> None:
        done = await runtime.run(["sh", "-c", script], {})
        if done.exit_code:
            raise vf.TaskError(f"{self.data.id}: {(done.stderr or done.stdout).strip()[-500:]}")

    def _place(self) -> tuple[str, str, str]:
        return self.data.dataset, self.data.split, str(self.data.id)


class CurateTaskset(vf.Taskset[CurateTask, CurateConfig]):
    """All tasks of a dataset."""

    def load(self) -> Iterator[CurateTask]:
        """Yield the tasks in the order of the dataset."""
        for task in iter_tasks(self.config.dataset, self.config.split):
            yield CurateTask(self._make_data(task), self.config.task)

    def _make_data(self, task: Task) -> CurateData:
        return CurateData(
            id=task.instance_id,
            name=task.instance_id,
            prompt=make_prompt(task),
            image=task.image,
            workdir="/testbed",
            dataset=self.config.dataset,
            split=self.config.split,
            repo=task.repo,
            base_commit=task.base_commit,
        )
