"""Ask the build back-end what a commit requires, where reading its files leaves that uncertain.

The back-end runs in a sandbox without network, in an environment that has its build requirements as
of the cutoff and nothing else. Replies are stored with the files that they were made from.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from curate.builders.git.checkout import has_all_files, submodule_commits
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.metadata.build_system import (
    BuildSystem,
    read_build_system,
    render_question,
    scripts_hash,
    version_variables,
)
from curate.builders.metadata.parse import ANSWER_VERSION, parse_reply
from curate.builders.model import (
    Failure,
    InstanceSpec,
    RequirementsLock,
    ResourceLimits,
    RunSpec,
    RunStatus,
)
from curate.builders.process.digest import content_hash
from curate.builders.requirements import Manifest, Requirement
from curate.builders.requirements.requirement_line import InvalidRequirementLineError, parse_name
from curate.environments.backend_question import BackendQuestion, BackendReply
from curate.environments.build import lock_manifest
from curate.environments.context import ValidationContext
from curate.environments.retry import retry_sandbox_errors
from curate.environments.stored_answers import find_reply, save_reply
from curate.store import Store

LIMITS = ResourceLimits(
    seconds=120, test_seconds=0, memory_bytes=2 << 30, disk_bytes=1 << 30, output_bytes=8 << 20
)
_LIMIT_REACHED = (RunStatus.TIMEOUT, RunStatus.OUT_OF_MEMORY, RunStatus.OUT_OF_PIDS)

_AskOnce = Callable[[BackendQuestion, BuildSystem], BackendReply | None]


def ask_backend(ctx: ValidationContext, question: BackendQuestion) -> BackendReply | None:
    """Return the reply of the build back-end, stored or asked now; None without a back-end."""
    if not has_all_files(ctx.get_mirror(question.candidate.repo), question.tree.commit):
        return None

    def ask_once(question: BackendQuestion, system: BuildSystem) -> BackendReply:
        lock = lock_manifest(
            question.candidate.instance_id,
            _build_manifest(system),
            question.python,
            question.cutoff,
            ctx,
        )
        if isinstance(lock, Failure):
            return BackendReply(answer=None, error="what its build requires does not resolve")
        key = _question_key(question, system, lock, ctx.backend.name, ctx.get_mirror)
        version = question.candidate.version
        found = find_reply(ctx.store, question.tree, key, version)
        if found:
            return found
        reply = _run_question(question, system, lock, ctx)
        if reply.commit and not reply.reached_limit and not ctx.abort_event.is_set():
            save_reply(ctx.store, question.tree, key, reply)
        return reply

    return _ask_as_of(question, ask_once)


def find_stored_reply(
    store: Store,
    backend: str,
    get_mirror: Callable[[str], Path],
    question: BackendQuestion,
) -> BackendReply | None:
    """Return what `ask_backend` would find in *store* for the backend named *backend*."""

    def find_once(question: BackendQuestion, system: BuildSystem) -> BackendReply | None:
        manifest = _build_manifest(system)
        lock = store.get_lock(compute_lock_key(manifest, question.python, question.cutoff))
        if lock is None:
            return None
        key = _question_key(question, system, lock, backend, get_mirror)
        return find_reply(store, question.tree, key, question.candidate.version)

    return _ask_as_of(question, find_once)


def start_of_half_year(moment: datetime) -> datetime:
    """Return the last 1 January or 1 July up to *moment*: a cutoff that many questions share."""
    moment = moment.astimezone(UTC)
    return datetime(moment.year, 7 if moment.month >= 7 else 1, 1, tzinfo=UTC)


def _ask_as_of(question: BackendQuestion, ask_once: _AskOnce) -> BackendReply | None:
    """Ask with the build tools of the half-year's start, then with those of the very cutoff.

    Tools that are some months older say the same in general, and serve many more candidates.
    """
    reply = None
    for cutoff in (start_of_half_year(question.cutoff), question.cutoff):
        reply = _ask_with_needs(replace(question, cutoff=cutoff), ask_once)
        if reply is None or reply.answer or reply.reached_limit:
            break
    return reply


def _ask_with_needs(question: BackendQuestion, ask_once: _AskOnce) -> BackendReply | None:
    """Ask; if that fails, ask again with what the back-end itself requires for its build."""
    system = read_build_system(question.tree)
    if system is None:
        return None
    reply = ask_once(question, system)
    if reply is None or reply.answer or not reply.needs:
        return reply
    more = tuple(dict.fromkeys((*system.requires, *reply.needs)))
    return ask_once(question, replace(system, requires=more)) if more != system.requires else reply


def _build_manifest(system: BuildSystem) -> Manifest:
    """Return the requirements of a build; lines that cannot be resolved are left out."""
    return Manifest(
        requirements=tuple(
            Requirement(line=line, name=name, origin="build-system", is_core=True)
            for line, name in _named(system.requires)
        ),
        needs_test_runner=False,
    )


def _named(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        try:
            yield line, parse_name(line)
        except InvalidRequirementLineError:
            continue


def _question_key(
    question: BackendQuestion,
    system: BuildSystem,
    lock: RequirementsLock,
    backend: str,
    get_mirror: Callable[[str], Path],
) -> str:
    """Return a hash of everything that a reply depends on, but for files and version."""
    submodules: dict[str, str] = {}
    if question.recipe.submodules:
        mirror = get_mirror(question.candidate.repo)
        submodules = submodule_commits(mirror, question.tree.commit, question.recipe.submodules)
    return content_hash(
        ANSWER_VERSION,
        scripts_hash(),
        backend,
        question.candidate.repo,
        question.python,
        sorted(lock.packages),
        (system.backend, system.backend_path),
        dict(question.env.env_vars),
        submodules,
    )


def _run_question(
    question: BackendQuestion, system: BuildSystem, lock: RequirementsLock, ctx: ValidationContext
) -> BackendReply:
    """Ask in a new sandbox; a reply without a commit says that nothing could be asked."""
    candidate, recipe = question.candidate, question.recipe
    started = time.monotonic()
    ctx.report_step(candidate.instance_id, "asking the build back-end")
    spec = InstanceSpec(
        name=f"{candidate.instance_id}.metadata",
        repo=candidate.repo,
        mirror=ctx.get_mirror(candidate.repo),
        base_commit=question.tree.commit,
        date=question.date,
        python=question.python,
        lock=lock,
        submodules={path: ctx.get_mirror(name) for path, name in recipe.submodules.items()},
    )
    variables = {**version_variables(candidate.version), **question.env.env_vars}
    run_spec = RunSpec(command=render_question(system), env_vars=variables, limits=LIMITS)
    try:
        result = retry_sandbox_errors(ctx, lambda: ctx.backend.run_in_environment(spec, run_spec))
    finally:
        ctx.backend.release_instance(spec.name)
    if isinstance(result, Failure):
        return BackendReply(answer=None, error="what its build requires does not install")
    reply = parse_reply(result.output)
    requires = reply.answer.requires if reply.answer else ()
    is_versioned = bool(candidate.version) and any(candidate.version in line for line in requires)
    return BackendReply(
        answer=reply.answer,
        error=reply.error,
        needs=() if reply.answer else reply.needs,
        record=reply.record,
        commit=question.tree.commit,
        version=candidate.version if is_versioned else "",
        seconds=time.monotonic() - started,
        reached_limit=result.status in _LIMIT_REACHED,
    )
