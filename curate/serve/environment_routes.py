"""Paths of environments: what `curate.gym.Environment` does, for one that has an id."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response

from curate.gym.environment import SUBMIT, Environment
from curate.gym.options import EnvironmentOptions
from curate.serve.errors import ApiError, ErrorKind
from curate.serve.messages import (
    SNAPSHOT_PATTERN,
    EnvironmentList,
    EnvironmentReply,
    EnvironmentRequest,
    GradeReply,
    PatchRequest,
    ResetReply,
    SnapshotReply,
    StepReply,
    StepRequest,
    make_grade_reply,
    make_step_info,
)
from curate.serve.options import ServeOptions
from curate.serve.pool import OpenEnvironment
from curate.serve.replies import Key, Opened, Options, Pool, Shelf, errors, name_call, opened_links

router = APIRouter(prefix="/environments", tags=["environments"])

CALL_ERRORS = errors(401, 404, 409, 422, 503)
BODY_ERRORS = errors(400, 401, 404, 409, 413, 422, 503)
DIFF_MEDIA_TYPE = "application/octet-stream"
_OPENED: dict[str, Any] = {
    "headers": {"Location": {"description": "Its path.", "schema": {"type": "string"}}},
    "links": opened_links("/id"),
}
_LISTED: dict[str, Any] = {"links": opened_links("/environments/0/id")}
_SAVED: dict[str, Any] = {
    "links": {
        "restore": {
            "operationId": "restore",
            "parameters": {
                "environment_id": "$request.path.environment_id",
                "name": "$response.body#/name",
            },
        }
    }
}
_DIFF: dict[str, Any] = {
    "description": "A git patch.",
    "content": {DIFF_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}


@router.get("", responses=errors(401) | {200: _LISTED})
async def list_environments(pool: Pool, options: Options) -> EnvironmentList:
    """List the environments that are open, the oldest first."""
    return EnvironmentList(
        max_environments=options.max_environments,
        environments=[describe(opened) for opened in pool.list_open()],
    )


@router.post(
    "", status_code=201, responses=errors(400, 401, 404, 413, 422, 429, 503) | {201: _OPENED}
)
async def open_environment(
    request: EnvironmentRequest,
    response: Response,
    shelf: Shelf,
    pool: Pool,
    options: Options,
    key: Key = None,
) -> EnvironmentReply:
    """Open an environment of a task; its sandbox is started by `reset`."""
    chosen = make_options(request, options)
    opened = await pool.open(
        request.instance_id,
        chosen,
        lambda: shelf.make_environment(request.instance_id, chosen),
        key or "",
    )
    response.headers["Location"] = f"{router.prefix}/{opened.id}"
    return describe(opened)


@router.get("/{environment_id}", responses=errors(401, 404, 422))
async def get_environment(opened: Opened) -> EnvironmentReply:
    """Show an environment."""
    return describe(opened)


@router.delete("/{environment_id}", status_code=204, responses=errors(401, 404, 422, 503))
async def close(opened: Opened, pool: Pool) -> None:
    """End all processes of an environment and remove its sandbox, after the request in progress."""
    await pool.close(opened)


@router.post("/{environment_id}/reset", responses=CALL_ERRORS)
async def reset(opened: Opened, pool: Pool, key: Key = None) -> ResetReply:
    """Start an episode in a new sandbox."""

    def run(environment: Environment) -> ResetReply:
        observation, info = environment.reset()
        return ResetReply(observation=observation, info=info)

    return await pool.call(opened, name_call("reset", key), run)


@router.post("/{environment_id}/step", responses=BODY_ERRORS, response_model_exclude_unset=True)
async def step(opened: Opened, request: StepRequest, pool: Pool, key: Key = None) -> StepReply:
    """Run a command in the shell."""

    def run(environment: Environment) -> StepReply:
        observation, reward, terminated, truncated, info = environment.step(request.command)
        return StepReply(
            observation=observation,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            info=make_step_info(info),
        )

    call = pool.call_grader if request.command.strip() == SUBMIT else pool.call
    return await call(opened, name_call("step", key), run)


@router.post("/{environment_id}/submit", responses=BODY_ERRORS)
async def submit(
    opened: Opened,
    pool: Pool,
    request: Annotated[PatchRequest | None, Body()] = None,
    key: Key = None,
) -> GradeReply:
    """Grade a patch, or what was changed in the checkout; the episode is over."""
    patch = request.content if request else None
    return await pool.call_grader(
        opened,
        name_call("submit", key),
        lambda environment: make_grade_reply(environment.submit(patch)),
    )


@router.get("/{environment_id}/diff", response_class=Response, responses=CALL_ERRORS | {200: _DIFF})
async def diff(opened: Opened, pool: Pool) -> Response:
    """Return a git patch of what was changed in the checkout."""
    patch = await pool.call(opened, "", lambda environment: environment.diff())
    return Response(patch, media_type=DIFF_MEDIA_TYPE)


@router.post("/{environment_id}/snapshots", status_code=201, responses=CALL_ERRORS | {201: _SAVED})
async def snapshot(opened: Opened, pool: Pool, key: Key = None) -> SnapshotReply:
    """Keep all files and the state of the shell."""
    name = await pool.call(
        opened, name_call("snapshot", key), lambda environment: environment.snapshot()
    )
    return SnapshotReply(name=name)


@router.post("/{environment_id}/snapshots/{name}/restore", status_code=204, responses=CALL_ERRORS)
async def restore(
    opened: Opened,
    name: Annotated[str, Path(pattern=SNAPSHOT_PATTERN)],
    pool: Pool,
    key: Key = None,
) -> None:
    """Go back to a snapshot; an episode that was over goes on."""
    await pool.call(
        opened,
        name_call(f"restore {name}", key),
        lambda environment: environment.restore(name),
    )


@router.post(
    "/{environment_id}/fork",
    status_code=201,
    responses=errors(401, 404, 409, 422, 429, 503) | {201: _OPENED},
)
async def fork(opened: Opened, response: Response, pool: Pool, key: Key = None) -> EnvironmentReply:
    """Open another environment in the same state."""
    twin = await pool.fork(opened, name_call("fork", key))
    response.headers["Location"] = f"{router.prefix}/{twin.id}"
    return describe(twin)


def make_options(request: EnvironmentRequest, options: ServeOptions) -> EnvironmentOptions:
    """Return the options of an environment. Raises ApiError for more than the server allows."""
    allowed = options.step_seconds
    if request.step_seconds is not None and request.step_seconds > allowed:
        raise ApiError(
            ErrorKind.INVALID,
            f"This server allows {allowed:g} seconds a step, not {request.step_seconds:g}.",
            hint="Ask for less; or start the server with a larger --max-step-time.",
        )
    return EnvironmentOptions(
        sandbox=options.sandbox,
        network=options.network,
        warm=options.warm,
        step_seconds=request.step_seconds or min(EnvironmentOptions.step_seconds, allowed),
        output_bytes=request.output_bytes,
        max_steps=request.max_steps,
    )


def describe(opened: OpenEnvironment) -> EnvironmentReply:
    """Return the message of an open environment."""
    return EnvironmentReply(
        id=opened.id,
        instance_id=opened.instance_id,
        is_busy=opened.is_busy,
        created_at=opened.created_at,
        idle_seconds=opened.idle_seconds,
        step_seconds=opened.options.step_seconds,
        output_bytes=opened.options.output_bytes,
        max_steps=opened.options.max_steps,
    )
