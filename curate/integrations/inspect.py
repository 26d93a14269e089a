"""A dataset as a task of Inspect, graded in a fresh container.

`inspect eval curate/swe_tasks -T dataset=RELEASE --model …`. Needs `pip install
swe-curate[inspect]` and Docker; for Inspect's own sandbox version 24 or newer with its compose
plugin, without them add `-T sandbox=curate`.
"""

import asyncio

from inspect_ai import Task, task
from inspect_ai.agent import react
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.tool import bash
from inspect_ai.util import ComposeConfig, ComposeService, SandboxEnvironmentSpec
from inspect_ai.util import sandbox as get_sandbox

from curate.core.task import Task as CurateTask
from curate.environments.tasks import DEFAULT_SPLIT
from curate.harness.collect_patch import make_collect_script
from curate.integrations import inspect_sandbox
from curate.integrations.grading import PATCH_PATH, grade, iter_tasks, make_prompt

COMMAND_SECONDS = 300
MESSAGES = 100


@task
def swe_tasks(
    dataset: str,
    split: str = DEFAULT_SPLIT,
    sandbox: str = "docker",
    network: bool = False,  # noqa: FBT001, FBT002
) -> Task:
    """Resolve the issues of *dataset* with a shell, in each instance's image.

    Args:
        dataset: a release directory, a .parquet or .jsonl file of rows, or a name on the Hub.
        split: the split of the release.
        sandbox: docker, which is Inspect's; or curate, which needs no more than `docker run`.
        network: whether the agent's container reaches the network.
    """
    mode = "bridge" if network else "none"
    samples = [make_sample(it, sandbox, mode) for it in iter_tasks(dataset, split)]
    return Task(
        dataset=MemoryDataset(samples),
        solver=react(tools=[bash(timeout=COMMAND_SECONDS)]),
        scorer=resolved(dataset, split),
        message_limit=MESSAGES,
    )


def make_sample(it: CurateTask, sandbox: str, network_mode: str) -> Sample:
    """Return a task as Inspect has it; neither gold nor test patch is part of it."""
    config = _make_compose(it.image, network_mode) if sandbox == "docker" else None
    return Sample(
        id=it.instance_id,
        input=make_prompt(it),
        metadata={
            "repo": it.repo,
            "base_commit": it.base_commit,
            inspect_sandbox.IMAGE: it.image,
            inspect_sandbox.NETWORK: network_mode,
        },
        sandbox=SandboxEnvironmentSpec(sandbox, config),
    )


def _make_compose(image: str, network_mode: str) -> ComposeConfig:
    service = ComposeService(
        image=image,
        init=True,
        command="sleep infinity",
        working_dir=inspect_sandbox.WORKDIR,
        network_mode=network_mode,
    )
    return ComposeConfig(services={"default": service})


@scorer(metrics=[accuracy(), stderr()])
def resolved(dataset: str, split: str) -> Scorer:
    """1.0 if all tests of the instance pass with what the agent has changed."""

    async def score(state: TaskState, target: Target) -> Score:
        script = make_collect_script(state.metadata["base_commit"], PATCH_PATH)
        done = await get_sandbox().exec(["sh", "-c", script])
        if not done.success:
            raise RuntimeError(f"{state.sample_id}: {done.stderr.strip()[-500:]}")
        patch = await get_sandbox().read_file(PATCH_PATH, text=False)
        found = await asyncio.to_thread(grade, dataset, split, str(state.sample_id), patch)
        return Score(
            value=found.reward,
            explanation=f"{found.reason}: {found.detail}" if found.detail else str(found.reason),
            metadata={
                "model_patch": patch.decode("utf-8", "replace"),
                "fail_to_pass": found.fail_to_pass.fraction,
                "pass_to_pass": found.pass_to_pass.fraction,
            },
        )

    return score
