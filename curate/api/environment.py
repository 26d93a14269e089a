"""`curate.make`: an instance as an environment for an agent."""

from pathlib import Path
from typing import Self

from curate import gym
from curate.api.errors import raise_curate_errors, translated
from curate.core.settings import Settings, read_settings
from curate.environments.tasks import find_task
from curate.gym.make import make_environment, open_dataset


class Environment(gym.Environment):
    """`curate.gym.Environment`, whose errors are all `CurateError`.

    Use it as a context manager: reset, step, snapshot, restore, fork, diff, submit, close.
    """

    reset = translated(gym.Environment.reset)
    step = translated(gym.Environment.step)
    submit = translated(gym.Environment.submit)
    diff = translated(gym.Environment.diff)
    snapshot = translated(gym.Environment.snapshot)
    restore = translated(gym.Environment.restore)
    close = translated(gym.Environment.close)

    def fork(self) -> Self:
        """Return another environment in the same state; it has its own sandbox and episode."""
        with raise_curate_errors():
            return super().fork()


def make(  # noqa: PLR0913 - options of an environment
    dataset: str | Path,
    instance_id: str,
    *,
    split: str = "train",
    sandbox: str = "docker",
    network: bool = False,
    step_seconds: float = 120.0,
    output_bytes: int = 32 << 10,
    max_steps: int = 0,
    warm: int = 1,
    settings: Settings | None = None,
) -> Environment:
    """Return the environment of a task; its sandbox is started by `reset`.

    Args:
        dataset: Release directory, file of rows, or name on the Hub (`OWNER/NAME@REVISION`);
            "" = the verified instances of the store.
        instance_id: Such as "getmoto__moto-4848".
        split: Split of the dataset.
        sandbox: "docker", or "local", which does not isolate.
        network: Whether commands reach the network.
        step_seconds: Seconds after which a command is interrupted.
        output_bytes: Bytes of a command's output; more is cut out of its middle.
        max_steps: Commands after which an episode is truncated; 0 = no limit.
        warm: Sandboxes of an instance that are kept ready for the next `reset` or `fork`.
        settings: By default those of the environment variables and `curate.toml`.

    Raises:
        NotFoundError: The dataset has no such instance, or there is no such dataset.
        ConfigurationError: An option or the dataset is invalid.
        EngineError: The image cannot be had, or there is no engine.
    """
    with raise_curate_errors():
        options = gym.EnvironmentOptions(
            sandbox=sandbox,
            network=network,
            step_seconds=step_seconds,
            output_bytes=output_bytes,
            max_steps=max_steps,
            warm=warm,
        )
        found = settings or read_settings({})
        with open_dataset(str(dataset), split, found) as source:
            task = find_task(source, instance_id)
        return make_environment(Environment, task, options, found)
