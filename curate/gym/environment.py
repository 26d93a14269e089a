"""One task as an environment: reset, step, submit, as Gymnasium has them; snapshots; forks."""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from curate.builders.session.model import CommandResult, FileTooLargeError, Session, Snapshot
from curate.core.errors import ConfigurationError, NotFoundError
from curate.gym.options import EnvironmentOptions

if TYPE_CHECKING:
    from curate.core.task import Task
    from curate.harness.grade import Grade

SUBMIT = "submit"  # the action that ends an episode, and is graded

Observation = str
Info = dict[str, Any]
Grader = Callable[[bytes], "Grade"]
SessionOpener = Callable[[], Session]
MakeDiff = Callable[[Session], bytes]


class Environment:
    """The environment of one task. Its methods may be called from any thread, one at a time.

    Attributes:
        task: The task; its gold patch and test patch are not in the sandbox.
        options: Options, as `make` was given them.
    """

    def __init__(
        self,
        task: "Task",
        options: EnvironmentOptions,
        *,
        open_session: SessionOpener,
        make_diff: MakeDiff,
        grade: Grader,
    ) -> None:
        self.task, self.options = task, options
        self._open_session, self._make_diff, self._grade = open_session, make_diff, grade
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._steps = 0
        self._is_over = self._is_closed = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start an episode in a new sandbox; return the problem statement and facts of the task.

        Snapshots of the episode before are gone. *seed* and *options* are those of Gymnasium; a
        task has nothing random.
        """
        with self._lock:
            self._require_open()
            self._close_session()
            self._session = self._open_session()
            self._steps, self._is_over = 0, False
            return self.task.problem_statement, self._describe_task(self._session)

    def step(self, command: str) -> tuple[Observation, float, bool, bool, Info]:
        """Run *command* in the shell and return observation, reward, terminated, truncated, info.

        The observation is what the command printed. The action `SUBMIT` ends the episode instead:
        its reward is 1.0 if the task is resolved, that of other commands is 0.0.
        """
        with self._lock:
            session = self._require_session()
            if self._is_over:
                raise ConfigurationError("The episode is over.", hint="Call reset() first.")
            if command.strip() == SUBMIT:
                return self._step_to_end()
            result = session.run(
                encode_command(command), self.options.step_seconds, self.options.output_bytes
            )
            self._steps += 1
            self._is_over = is_truncated = 0 < self.options.max_steps <= self._steps
            info = describe_result(result) | {"steps": self._steps}
            return result.output.decode("utf-8", "replace"), 0.0, False, is_truncated, info

    def submit(self, patch: bytes | str | None = None) -> "Grade":
        """Grade *patch*, or what was changed in the checkout; the episode is over.

        The patch is applied and tested in a fresh sandbox. `Grade.resolved` says whether it solves
        the task.
        """
        with self._lock:
            self._require_open()
            grade = self._grade_changes() if patch is None else self._grade(encode_patch(patch))
            self._is_over = True
            return grade

    def diff(self) -> bytes:
        """Return a git patch of what was changed in the checkout, new and ignored files too."""
        with self._lock:
            return self._make_diff(self._require_session())

    def snapshot(self) -> str:
        """Keep all files and the state of the shell; return the name of the snapshot."""
        with self._lock:
            found = self._require_session().save()
            name = f"{len(self._snapshots) + 1}-{secrets.token_hex(4)}"
            self._snapshots[name] = found
            return name

    def restore(self, name: str) -> None:
        """Go back to the snapshot *name*; an episode that was over goes on.

        Processes are ended, and the shell has directory, variables, functions and options of then.

        Raises:
            NotFoundError: This episode has no such snapshot.
        """
        with self._lock:
            session = self._require_session()
            if name not in self._snapshots:
                raise NotFoundError(f"This episode has no snapshot {name!r}.")
            session.restore(self._snapshots[name])
            self._is_over = False

    def fork(self) -> Self:
        """Return another environment in the same state; it has its own sandbox and episode."""
        with self._lock:
            session = self._require_session()
            twin = type(self)(
                self.task,
                self.options,
                open_session=self._open_session,
                make_diff=self._make_diff,
                grade=self._grade,
            )
            twin._session = session.fork(session.save())
            twin._steps, twin._is_over = self._steps, self._is_over
            return twin

    def close(self) -> None:
        """End all processes and remove the sandbox; closing twice does nothing."""
        with self._lock:
            self._is_closed = True
            self._close_session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def session(self) -> Session:
        """The sandbox of the episode."""
        return self._require_session()

    def _grade_changes(self) -> "Grade":
        from curate.harness.grade import GradeReason, make_grade_without_run

        try:
            return self._grade(self.diff())
        except FileTooLargeError as error:
            grade = make_grade_without_run(self.task, b"", GradeReason.TOO_LARGE)
            return replace(grade, detail=str(error))

    def _close_session(self) -> None:
        session, self._session = self._session, None
        self._snapshots = {}
        if session:
            session.close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError("The environment is closed.", hint="Make another one.")

    def _require_session(self) -> Session:
        self._require_open()
        if self._session is None:
            raise ConfigurationError("No episode was started.", hint="Call reset() first.")
        return self._session

    def _step_to_end(self) -> tuple[Observation, float, bool, bool, Info]:
        grade = self.submit()
        return "", grade.reward, True, False, {"steps": self._steps, "grade": grade}

    def _describe_task(self, session: Session) -> Info:
        return {
            "instance_id": self.task.instance_id,
            "repo": self.task.repo,
            "base_commit": self.task.base_commit,
            "hints_text": self.task.hints_text,
            "sandbox": self.options.sandbox,
            "snapshot_method": session.snapshot_method,
            "snapshot_note": session.snapshot_note,
        }


def encode_command(command: str) -> bytes:
    """Return the bytes of *command*. Raises ConfigurationError for what no shell can read."""
    if "\0" in command:
        raise ConfigurationError("A command cannot contain a NUL character.")
    return command.encode("utf-8", "surrogateescape")


def encode_patch(patch: bytes | str) -> bytes:
    """Return the bytes of *patch*."""
    return patch.encode("utf-8", "surrogateescape") if isinstance(patch, str) else patch


def describe_result(result: CommandResult) -> Info:
    """Return the `info` of a step."""
    return {
        "exit_code": result.exit_code,
        "seconds": result.seconds,
        "timed_out": result.timed_out,
        "output_bytes": result.total_bytes,
        "new_shell": result.new_shell,
        "reached_limit": result.reached_limit.value if result.reached_limit else "",
    }
