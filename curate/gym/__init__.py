"""Environments for agents: a task's checkout, a shell that stays, snapshots and a reward."""

from curate.gym.aio import AsyncEnvironment
from curate.gym.environment import SUBMIT, Environment
from curate.gym.make import make, make_async
from curate.gym.options import EnvironmentOptions
from curate.gym.registration import register_instances

__all__ = [
    "SUBMIT",
    "AsyncEnvironment",
    "Environment",
    "EnvironmentOptions",
    "make",
    "make_async",
    "register_instances",
]
