"""The application: paths, their messages, and every error as the same kind of reply."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from curate import __version__
from curate.serve import environment_routes, task_routes
from curate.serve.errors import ApiError, ErrorKind, make_bug_error
from curate.serve.guard import RequestGuard, make_error_response
from curate.serve.messages import HealthReply
from curate.serve.options import ServeOptions
from curate.serve.pool import EnvironmentPool
from curate.serve.replies import errors
from curate.serve.tasks import TaskShelf

CLOSE_SECONDS = 5.0  # for the environments, when the server ends
DESCRIPTION = """Environments for agents, of verified software-engineering tasks.

Open an environment, `reset` it, send commands with `step`, and `submit` what was changed. An
environment is used by one request at a time; others get 409. One that nobody uses is closed after
a while. With the header `Idempotency-Key`, a request may be sent again when its reply was lost: the
environment's newest request is not run twice.
"""

health_router = APIRouter()


@health_router.get("/health", responses=errors(503), tags=["server"])
async def get_health(request: Request) -> HealthReply:
    """Say that the server is there; needs no token."""
    if request.app.state.pool.is_closing:
        raise ApiError(ErrorKind.UNAVAILABLE, "The server is shutting down.")
    return HealthReply(status="ok", version=__version__)


def make_app(shelf: TaskShelf | None, options: ServeOptions) -> FastAPI:
    """Return the application; without tasks, it can only describe itself."""
    app = FastAPI(
        title="curate serve",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_run_pool,
    )
    app.state.shelf, app.state.options = shelf, options
    app.include_router(health_router)
    bearer = Depends(HTTPBearer(auto_error=False, description="The server's token."))
    for router in (task_routes.router, environment_routes.router):
        app.include_router(router, dependencies=[bearer])
    app.add_exception_handler(ApiError, _reply_to_error)
    app.add_exception_handler(RequestValidationError, _reply_to_invalid)
    app.add_exception_handler(HTTPException, _reply_to_http)
    app.add_exception_handler(Exception, _reply_to_bug)
    app.add_middleware(RequestGuard, token=options.token, body_bytes=options.body_bytes)
    return app


@asynccontextmanager
async def _run_pool(app: FastAPI) -> AsyncIterator[None]:
    pool = app.state.pool = EnvironmentPool(app.state.options)
    watch = asyncio.create_task(pool.close_idle())
    try:
        yield
    finally:
        watch.cancel()
        await pool.close_all(CLOSE_SECONDS)


async def _reply_to_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return make_error_response(error)


async def _reply_to_invalid(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, without repeating it: it may be no Unicode."""
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]).encode("ascii", "replace").decode()
    message = f"{place}: {first['msg']}".encode("utf-8", "replace").decode()
    return make_error_response(ApiError(ErrorKind.INVALID, message, status=422))


async def _reply_to_bug(_request: Request, _error: Exception) -> JSONResponse:
    """Reply to what no part of the server expects; the HTTP server logs its traceback."""
    return make_error_response(make_bug_error())


async def _reply_to_http(request: Request, error: Exception) -> JSONResponse:
    """Reply to what the framework refuses: unknown paths and methods, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    kinds = {404: ErrorKind.NOT_FOUND, 405: ErrorKind.NOT_ALLOWED}
    kind = kinds.get(error.status_code, ErrorKind.INVALID)
    reply = make_error_response(ApiError(kind, str(error.detail), status=error.status_code))
    reply.headers.update(error.headers or {})
    methods = _list_methods(request) if kind is ErrorKind.NOT_ALLOWED else []
    if methods:  # the framework names those of one route alone
        reply.headers["Allow"] = ", ".join(methods)
    return reply


def _list_methods(request: Request) -> list[str]:
    """Return the documented methods of the path of *request*."""
    paths = request.app.openapi()["paths"]
    found = [paths[path] for path in paths if compile_path(path)[0].match(request.url.path)]
    return sorted(method.upper() for methods in found for method in methods)
