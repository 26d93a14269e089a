"""An environment as a `gymnasium.Env`. Importing this module registers `curate/Instance-v0`.

So `gymnasium.make("curate.gym.gymnasium_env:curate/Instance-v0", instance_id=…)` needs no other
import.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
from gymnasium import spaces

from curate.gym.environment import Environment, Info, Observation
from curate.gym.make import make

MAX_TEXT = 1 << 20  # characters of an action or observation that its space allows


class AnyText(spaces.Space[str]):
    """The space of all texts; Gymnasium's `Text` has a small alphabet."""

    def __init__(self) -> None:
        super().__init__((), None)

    @property
    def is_np_flattenable(self) -> bool:
        """No text is an array of numbers."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Return a command that changes nothing."""
        return ":"

    def contains(self, x: Any) -> bool:
        """Whether *x* is a text of a sensible length."""
        return isinstance(x, str) and len(x) <= MAX_TEXT

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText)

    def __hash__(self) -> int:
        return hash(AnyText)


class GymnasiumEnvironment(gymnasium.Env[str, str]):
    """An `Environment` under Gymnasium's interface; the arguments are those of `make`."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, instance_id: str, render_mode: str | None = None, **options: Any) -> None:
        self.render_mode = render_mode
        self.observation_space = AnyText()
        self.action_space = AnyText()
        self.environment: Environment = make(instance_id, **options)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """`Environment.reset`."""
        super().reset(seed=seed)
        return self.environment.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[Observation, float, bool, bool, Info]:
        """`Environment.step`."""
        return self.environment.step(action)

    def close(self) -> None:
        """`Environment.close`."""
        self.environment.close()


gymnasium.register(
    id="curate/Instance-v0",
    entry_point=GymnasiumEnvironment,
    nondeterministic=True,  # commands tell the time, and how long they took
)
