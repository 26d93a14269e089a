"""What routes share: the pool, checked path parameters, and the errors that they declare."""

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request

from curate.serve.messages import ID_PATTERN, INSTANCE_PATTERN, KEY_PATTERN, ErrorReply
from curate.serve.options import ServeOptions
from curate.serve.pool import EnvironmentPool, OpenEnvironment
from curate.serve.tasks import TaskShelf

_MEANINGS = {
    400: "The request cannot be read, or asks for what this server does not offer.",
    401: "The token is missing or wrong.",
    404: "There is no such task, environment or snapshot.",
    409: "Another request uses the environment; or its episode is over, or was not started.",
    413: "The request is too large.",
    422: "The request is not as this document says.",
    429: "There are as many environments, or waiting patches, as are allowed.",
    500: "A bug; the server's log has the traceback.",
    503: "The sandbox or the engine failed, or the server is shutting down.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of error replies."""
    return {
        status: {"model": ErrorReply, "description": _MEANINGS[status]}
        for status in (*statuses, 500)
    }


def opened_links(pointer: str) -> dict[str, Any]:
    """Return links to what can be done with the environment whose id is at *pointer*."""
    operations = ("get_environment", "reset", "step", "submit", "diff", "snapshot", "fork", "close")
    parameters = {"environment_id": f"$response.body#{pointer}"}
    return {name: {"operationId": name, "parameters": parameters} for name in operations}


def task_links(pointer: str) -> dict[str, Any]:
    """Return links to what can be done with the task whose id is at *pointer*."""
    value = f"$response.body#{pointer}"
    links: dict[str, Any] = {
        name: {"operationId": name, "parameters": {"instance_id": value}}
        for name in ("get_task", "grade")
    }
    body = {"instance_id": value}
    return links | {"open_environment": {"operationId": "open_environment", "requestBody": body}}


# Dependencies that are no coroutines would each be run in a thread.
async def get_pool(request: Request) -> EnvironmentPool:
    """The server's environments."""
    pool = request.app.state.pool
    assert isinstance(pool, EnvironmentPool)
    return pool


async def get_shelf(request: Request) -> TaskShelf:
    """The server's tasks."""
    shelf = request.app.state.shelf
    assert isinstance(shelf, TaskShelf)
    return shelf


async def get_options(request: Request) -> ServeOptions:
    """The server's options."""
    options = request.app.state.options
    assert isinstance(options, ServeOptions)
    return options


Pool = Annotated[EnvironmentPool, Depends(get_pool)]
Shelf = Annotated[TaskShelf, Depends(get_shelf)]
Options = Annotated[ServeOptions, Depends(get_options)]
InstancePath = Annotated[str, Path(pattern=INSTANCE_PATTERN)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=KEY_PATTERN,
        description="Of one request; sent again with the same key, it is not run again.",
    ),
]


async def get_environment(
    environment_id: Annotated[str, Path(pattern=ID_PATTERN)], pool: Pool
) -> OpenEnvironment:
    """The environment that the path names."""
    return pool.get(environment_id)


Opened = Annotated[OpenEnvironment, Depends(get_environment)]


def name_call(name: str, key: str | None) -> str:
    """Return the key of a request within its environment; "" if it has none."""
    return f"{name} {key}" if key else ""
