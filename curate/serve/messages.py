"""What requests and replies of the API contain."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from curate.builders.model import Outcome
from curate.harness.grade import Grade, GradeReason, TestCounts
from curate.serve.errors import ErrorKind

ID_PATTERN = "^[0-9a-f]{32}$"
INSTANCE_PATTERN = "^[A-Za-z0-9_.+-]{1,200}$"
SNAPSHOT_PATTERN = "^[0-9a-z-]{1,64}$"
KEY_PATTERN = "^[!-~]{1,200}$"
MAX_STEP_SECONDS = 86_400
MAX_OUTPUT_BYTES = 4 << 20
MAX_PAGE = 1000

Base64 = Annotated[
    str,
    Field(
        pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        json_schema_extra={"contentEncoding": "base64"},
    ),
]


def _require_unicode(text: str) -> str:
    """Refuse half a surrogate pair, which JSON can write and nothing can encode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not valid Unicode") from error
    return text


Text = Annotated[str, AfterValidator(_require_unicode)]
InstanceId = Annotated[str, Field(pattern=INSTANCE_PATTERN, examples=["getmoto__moto-4848"])]


class Message(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorReply(Message):
    """Why a request was refused, or failed."""

    kind: ErrorKind
    message: str = Field(description="One sentence, for people.")
    hint: str = Field(description='What can be done about it; "" if nothing is known.')
    docs: str = Field(default="", description="Where the documentation has more about it.")


class HealthReply(Message):
    """That the server is there."""

    status: str = Field(examples=["ok"])
    version: str = Field(description="Version of curate.")


class TaskPage(Message):
    """Ids of the tasks, in the order of the dataset."""

    dataset: str
    total: int = Field(description="Number of tasks of the dataset.")
    instance_ids: list[str]


class PageQuery(Message):
    """Which part of a long list is wanted."""

    offset: int = Field(0, ge=0, le=10**9)
    limit: int = Field(MAX_PAGE, ge=1, le=MAX_PAGE)


class TaskReply(Message):
    """What an agent may know of a task."""

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    hints_text: str


class EnvironmentRequest(Message):
    """Which task, and the options of the environment."""

    instance_id: InstanceId
    step_seconds: float | None = Field(
        None,
        gt=0,
        le=MAX_STEP_SECONDS,
        description="After which a command is interrupted; the server has a limit. Default: 120.",
    )
    output_bytes: int = Field(
        32 << 10,
        ge=256,
        le=MAX_OUTPUT_BYTES,
        description="Of the output of a command; more is cut out of its middle.",
    )
    max_steps: int = Field(
        0, ge=0, le=10**9, description="After which an episode is truncated; 0 = no limit."
    )


class EnvironmentReply(Message):
    """An environment that is open."""

    id: str = Field(pattern=ID_PATTERN)
    instance_id: str
    is_busy: bool = Field(description="Whether a request uses it.")
    created_at: datetime
    idle_seconds: float = Field(description="Since the last request ended.")
    step_seconds: float
    output_bytes: int
    max_steps: int


class EnvironmentList(Message):
    """The environments that are open."""

    max_environments: int
    environments: list[EnvironmentReply]


class ResetReply(Message):
    """The first observation of an episode."""

    observation: str = Field(description="The problem statement.")
    info: dict[str, Any] = Field(description="Facts of the task and the sandbox.")


class StepRequest(Message):
    """A command for the shell."""

    command: Text = Field(
        pattern=r"^[^\x00]*$",
        description="Run in the shell; `submit` ends the episode and grades what was changed.",
        examples=["git status", "submit"],
    )


class TextPatch(Message):
    """A git patch as text."""

    patch: Text

    @property
    def content(self) -> bytes:
        """The patch."""
        return self.patch.encode()


class BinaryPatch(Message):
    """A git patch that is not UTF-8, in base64."""

    patch_base64: Base64

    @property
    def content(self) -> bytes:
        """The patch."""
        return base64.b64decode(self.patch_base64)


PatchRequest = TextPatch | BinaryPatch


class GradeReply(Message):
    """The result of grading a patch in a new sandbox."""

    instance_id: str
    patch_hash: str
    resolved: bool = Field(description="Whether every test passes.")
    reward: float = Field(description="1.0 if resolved, else 0.0.")
    reason: GradeReason
    detail: str = Field(description="One line, for people.")
    fail_to_pass: TestCounts
    pass_to_pass: TestCounts
    failed_tests: list[str]
    restored_paths: list[str] = Field(description="Protected files whose changes were undone.")
    applied_with: str = Field(description="Options of `git apply`, where it needed some.")
    seconds: float = Field(description="Of the run.")
    outcomes: dict[str, Outcome]
    output_base64: Base64 = Field(description="What the tests printed.")


class StepInfo(Message):
    """How a command ended; of `submit`, `steps` and `grade` alone."""

    model_config = ConfigDict(frozen=True, extra="allow")

    steps: int = Field(description="Commands of this episode.")
    exit_code: int | None = Field(None, description="null if the command was interrupted.")
    seconds: float | None = None
    timed_out: bool | None = None
    output_bytes: int | None = Field(None, description="Before the output was cut.")
    new_shell: str | None = Field(
        None, description='Why the next command gets a new shell; "" = it gets the same one.'
    )
    reached_limit: str | None = Field(None, description="Of memory, processes or disk.")
    grade: GradeReply | None = None


class StepReply(Message):
    """What Gymnasium's `step` returns."""

    observation: str = Field(description="What the command printed.")
    reward: float
    terminated: bool
    truncated: bool
    info: StepInfo


class SnapshotReply(Message):
    """A snapshot of all files and the state of the shell."""

    name: str = Field(pattern=SNAPSHOT_PATTERN)


def make_grade_reply(grade: Grade) -> GradeReply:
    """Return the message of *grade*."""
    names = GradeReply.model_fields.keys() - {"output_base64"}
    fields = {name: getattr(grade, name) for name in names}
    return GradeReply(**fields, output_base64=base64.b64encode(grade.output).decode())


def read_grade(reply: GradeReply) -> Grade:
    """Return the grade that *reply* is the message of."""
    names = Grade.__dataclass_fields__.keys() - {"output"}
    fields = {name: getattr(reply, name) for name in names}
    for name in ("failed_tests", "restored_paths"):
        fields[name] = tuple(fields[name])
    return Grade(**fields, output=base64.b64decode(reply.output_base64))


def make_step_info(info: Mapping[str, Any]) -> StepInfo:
    """Return the message of the `info` of a step."""
    grade = info.get("grade")
    shown = {"grade": make_grade_reply(grade)} if isinstance(grade, Grade) else {}
    return StepInfo.model_validate({**info, **shown})


def read_step_info(info: StepInfo) -> dict[str, Any]:
    """Return the `info` of a step, with the keys that the environment had set."""
    found = {name: getattr(info, name) for name in info.model_fields_set}
    if isinstance(found.get("grade"), GradeReply):
        found["grade"] = read_grade(found["grade"])
    return found
