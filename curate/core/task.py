"""A task: what grading a patch and an agent's environment need to know of an instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.builders.model import ResourceLimits


@dataclass(frozen=True, kw_only=True)
class Task:
    """One instance, from a row of a release or from the store; an agent must not see all of it."""

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    hints_text: str
    image: str  # reference that an engine runs or pulls, or the folder of a local build
    image_digest: str  # "sha256:..." of the manifest or of the local image; "" = a local build
    gold: bytes
    test_patch: bytes
    test_command: str  # one line, run in the checkout
    env_vars: Mapping[str, str] = field(default_factory=dict)  # set for the tests
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    fail_to_pass: tuple[str, ...]  # pytest node ids
    pass_to_pass: tuple[str, ...]
    # Globs of files that a candidate's patch must not change; "!glob" excepts, the last counts.
    protected_paths: tuple[str, ...] = ()
