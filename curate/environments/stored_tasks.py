"""Tasks of verified candidates in the store."""

from dataclasses import replace
from pathlib import Path

from curate.builders.model import ResourceLimits
from curate.core.model import Candidate, Environment, Validation
from curate.core.task import Task
from curate.harness.protection import PROTECTED_GLOBS
from curate.store import Store


def make_stored_task(candidate: Candidate, validation: Validation) -> Task:
    """Return the task of a verified candidate, with the image or folder of this machine."""
    environment = validation.environment
    if environment is None or not validation.is_verified:
        raise ValueError(f"{candidate.instance_id} is not verified")
    return Task(
        instance_id=candidate.instance_id,
        repo=candidate.repo,
        base_commit=candidate.base_commit,
        problem_statement=candidate.problem_statement,
        hints_text=candidate.hints_text,
        image=environment.handle,
        image_digest=environment.digest,
        gold=candidate.patch,
        test_patch=candidate.test_patch,
        test_command=validation.test_command,
        env_vars=environment.env_vars,
        limits=run_limits(environment),
        fail_to_pass=validation.verdict.fail_to_pass,
        pass_to_pass=validation.verdict.pass_to_pass,
        protected_paths=list_protected_paths(environment),
    )


def use_own_build(task: Task, store: Store) -> Task:
    """Return *task* with what *store* has built of it, if it names a build of another machine.

    A row of the local sandbox names a folder of the machine that validated it. Where that is not
    here, validating the same instance makes one.
    """
    folder = Path(task.image)
    if task.image_digest or (folder.is_absolute() and (folder / "checkout").is_dir()):
        return task
    for candidate, validation in store.iter_verified([task.instance_id]):
        own = make_stored_task(candidate, validation)
        if (own.base_commit, own.test_command) == (task.base_commit, task.test_command):
            return replace(task, image=own.image, image_digest=own.image_digest)
    return task


def run_limits(environment: Environment) -> ResourceLimits:
    """Return the limits of a run; that of a test is stored apart."""
    return replace(environment.limits, test_seconds=environment.test_seconds)


def list_protected_paths(environment: Environment) -> tuple[str, ...]:
    """Return the globs of files that a graded patch must not change, of all and of its recipe."""
    return (*PROTECTED_GLOBS, *environment.protected_paths)
