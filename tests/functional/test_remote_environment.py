"""An environment on a server does what one here does, for every conversation."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.core.settings import Settings
from curate.gym import Environment, make
from curate.serve import RemoteEnvironment
from curate.serve.run import Server
from tests.helpers.environment_behaviours import CONVERSATIONS, Conversation
from tests.helpers.serving import ID, connect, make_settings, serving


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Server]:
    with serving(settings) as server:
        yield server


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda it: it.__name__)
def test_a_remote_environment_is_like_a_local_one(
    settings: Settings, server: Server, conversation: Conversation
) -> None:
    here = conversation(lambda **it: make(ID, settings=settings, sandbox="local", **it))
    there = conversation(lambda **it: connect(server).make(ID, **it))
    assert here == there


def test_a_patch_is_graded_without_an_environment(server: Server, tmp_path: Path) -> None:
    with connect(server) as client:
        gold = client.make(ID)
        gold.reset()
        gold.step("sed -i '0,/return number/s//return 2 * number/' birds.py")
        patch = gold.diff()
        gold.close()
        assert client.grade(ID, patch).resolved
        assert not client.grade(ID, b"").resolved


def test_tasks_are_listed_and_show_no_solution(server: Server) -> None:
    client = connect(server)
    assert client.list_tasks() == [ID]
    task = client.get_task(ID)
    assert (task.repo, task.problem_statement) == ("owner/name", "It breaks.\nBadly.")
    assert type(task).model_fields.keys() == {
        *("instance_id", "repo", "base_commit", "problem_statement", "hints_text")
    }


def test_a_remote_environment_has_the_methods_of_a_local_one() -> None:
    methods = {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(Environment, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {"reset", "step", "submit", "snapshot", "restore", "fork", "close"} <= methods.keys()
    for name, signature in methods.items():
        there = inspect.signature(getattr(RemoteEnvironment, name))
        assert there.parameters == signature.parameters, name
