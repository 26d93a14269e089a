"""Paths of tasks: their list, what an agent may know of one, and the grade of a patch."""

from typing import Annotated

from fastapi import APIRouter, Query

from curate.serve.messages import (
    GradeReply,
    PageQuery,
    PatchRequest,
    TaskPage,
    TaskReply,
    make_grade_reply,
)
from curate.serve.replies import InstancePath, Pool, Shelf, errors, task_links

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.get("", responses=errors(401, 422) | {200: {"links": task_links("/instance_ids/0")}})
async def list_tasks(page: Annotated[PageQuery, Query()], shelf: Shelf) -> TaskPage:
    """List the tasks that environments can be opened of."""
    ids = shelf.ids[page.offset : page.offset + page.limit]
    return TaskPage(dataset=shelf.name, total=len(shelf.ids), instance_ids=list(ids))


@router.get("/{instance_id}", responses=errors(400, 401, 404, 422, 503))
async def get_task(instance_id: InstancePath, shelf: Shelf, pool: Pool) -> TaskReply:
    """Show what an agent may know of a task."""
    task = await pool.run(lambda: shelf.get(instance_id))
    return TaskReply(**{name: getattr(task, name) for name in TaskReply.model_fields})


@router.post("/{instance_id}/grade", responses=errors(400, 401, 404, 413, 422, 429, 503))
async def grade(
    instance_id: InstancePath, request: PatchRequest, shelf: Shelf, pool: Pool
) -> GradeReply:
    """Grade a patch in a new sandbox, without an environment."""
    patch = request.content
    return await pool.grade(lambda: make_grade_reply(shelf.grade(instance_id, patch)))
