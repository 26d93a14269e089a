"""One trajectory: messages, tools, settings, final patch and reward, which belong together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate.builders.process.digest import content_hash

SCHEMA_VERSION = "1.0"
"""Of a line of a trajectory file; raised when a field changes its meaning."""

GRADED = "curate"
"""Source of a reward that the grader gave; others are named by who claims them."""

Json = dict[str, Any]
Message = dict[str, Any]
"""A message of OpenAI's chat form: `role` (system, user, assistant, tool), `content` (or None);
where they apply `reasoning_content`, `tool_calls` ([{id, type, function{name, arguments}}],
arguments as a JSON text), `tool_call_id` and `name`."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What sampling a trajectory took; 0 where nobody says."""

    calls: int = 0  # of the model
    prompt_tokens: int = 0  # as the model's server counts them, over all calls
    completion_tokens: int = 0
    cost: float = 0.0  # US dollars
    seconds: float = 0.0  # of wall time


@dataclass(frozen=True, kw_only=True)
class Reward:
    """Whether the patch of a trajectory resolves its instance, and who says so."""

    resolved: bool | None = None  # None = nobody has graded it
    source: str = ""  # GRADED, or the name of what claimed it; "" = nobody
    reason: str = ""  # a GradeReason, if it was graded
    claimed: bool | None = None  # what the source of an imported one said, kept beside a grade


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """One trajectory of an agent on an instance, keyed by instance, agent, settings and sample."""

    instance_id: str
    repo: str = ""  # OWNER/NAME; "" = not known
    agent: str  # name of the scaffold
    agent_version: str = ""
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # temperature, limits; JSON values
    sample: int = 0  # number of the trajectory among those of equal settings, from 0
    messages: tuple[Message, ...] = ()
    tools: tuple[Json, ...] = ()  # definitions of OpenAI's form: {type, function{name, parameters}}
    patch: str = ""  # a git diff; bytes that are no UTF-8 are surrogate escapes
    exit_status: str = ""  # "submitted", or the limit or failure that ended it
    reward: Reward = field(default_factory=Reward)
    usage: Usage = field(default_factory=Usage)
    tokens: Mapping[str, int] = field(default_factory=dict)  # of all messages, by named tokenizer
    scores: Mapping[str, float] = field(default_factory=dict)  # 0 to 1, by named verifier
    source: str = ""  # "rollout", or the form it was imported from
    origin: str = ""  # its name there: a file's name and line, or its id
    created_at: str = ""  # RFC 3339, UTC; "" = not known
    schema_version: str = SCHEMA_VERSION

    @property
    def trajectory_id(self) -> str:
        """Its key: INSTANCE.HASH.SAMPLE; the hash is of agent, version, model and settings."""
        made_by = content_hash(self.agent, self.agent_version, self.model, dict(self.settings))
        return f"{self.instance_id}.{made_by}.{self.sample}"

    @property
    def turns(self) -> int:
        """Messages of the assistant: each is an action, followed by an observation."""
        return sum(message.get("role") == "assistant" for message in self.messages)
