"""What goes into a record of process data, and the record."""

from dataclasses import dataclass, field
from typing import Any

from curate.core.tokens import ESTIMATE

SCHEMA_VERSION = "1.0"
PROCESS_VERSION = 1  # changes whenever the same instance would give another record
DEFAULT_TOKEN_BUDGET = 32_768

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProcessInput:
    """What process data of an instance is made of; *problem* says why a row is not usable."""

    instance_id: str
    repo: str = ""
    base_commit: str = ""
    problem_statement: str = ""
    patch: bytes = b""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """How records are made; part of what a finished part depends on."""

    tokenizer: str = ESTIMATE
    tokenizer_hash: str = ""  # of its file; "" = none of this machine's
    token_budget: int = DEFAULT_TOKEN_BUDGET  # of a prompt's files or code


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """One line of the output: everything made of an instance, or the reason that there is none."""

    instance_id: str
    repo: str
    base_commit: str
    reason: str = ""  # "" = made
    detail: str = ""
    tokenizer: str = ""
    problem_statement: str = ""
    understanding: Json = field(default_factory=dict)
    localization: Json = field(default_factory=dict)
    edits: Json = field(default_factory=dict)
    stages: list[Json] = field(default_factory=list)
    schema_version: str = SCHEMA_VERSION
