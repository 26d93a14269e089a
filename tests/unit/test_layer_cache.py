"""What a registry may answer when it is asked for an environment."""

from collections.abc import Iterator
from typing import Any, NoReturn, cast

import docker
import pytest

from curate.builders.engine.layer_cache import KEY_LABEL, LAYER_LABEL, cache_repository, pull_layer
from curate.builders.engine.registry import RegistryError
from curate.builders.errors import DiskFullError
from tests.helpers.fakes import fake

Labels = dict[str, str]


GOOD = {LAYER_LABEL: "environment", KEY_LABEL: "k1"}


class Engine:
    """An engine that pulls *answer*: labels, or what the registry says instead."""

    def __init__(self, answer: Labels | Exception) -> None:
        self.answer = answer
        self.tags: list[str] = []
        self.removed: list[str] = []
        self.api = self.images = self

    def pull(self, name: str, tag: str, stream: bool) -> Iterator[bytes]:
        assert (name, tag, stream) == ("reg:5000/lab/curate-env", "k1", True)
        if not isinstance(self.answer, dict):
            raise self.answer
        return iter([b'{"status":"Pulling"}', b'{"status":"Extracting"}'])

    def get(self, name: str) -> Any:
        assert name == "reg:5000/lab/curate-env:k1"
        return fake(labels=self.answer, tag=self.tags.append)

    def remove(self, name: str, **_: object) -> None:
        self.removed.append(name)


def fetched(answer: Labels | Exception, **options: Any) -> tuple[bool, Engine]:
    engine = Engine(answer)
    client = cast(docker.DockerClient, engine)
    return pull_layer(client, "curate/env:k1", "environment", "reg:5000/lab/", **options), engine


def test_what_has_the_key_on_it_takes_the_name_it_would_have_here() -> None:
    found, engine = fetched(GOOD)
    assert found
    assert engine.tags == ["curate/env:k1"]
    assert engine.removed == [f"{cache_repository('reg:5000/lab', 'curate/env')}:k1"]


@pytest.mark.parametrize("labels", [{}, GOOD | {KEY_LABEL: "k2"}, GOOD | {LAYER_LABEL: "instance"}])
def test_what_has_another_label_is_refused(labels: dict[str, str]) -> None:
    with pytest.raises(RegistryError, match="labels"):
        fetched(labels)


@pytest.mark.parametrize(
    "error",
    [
        docker.errors.ImageNotFound("no"),
        docker.errors.APIError("500", explanation="manifest unknown: manifest unknown"),
        docker.errors.APIError("500", explanation="pull access denied for lab/curate-env"),
    ],
)
def test_what_is_not_there_is_no_error(error: Exception) -> None:
    assert fetched(error)[0] is False


def test_a_registry_that_does_not_answer_is_one() -> None:
    with pytest.raises(RegistryError, match="cannot pull from the layer cache"):
        fetched(docker.errors.APIError("500", explanation="connection refused"))


def test_a_pull_is_watched() -> None:
    def watch() -> NoReturn:
        raise DiskFullError("full")

    with pytest.raises(DiskFullError):
        fetched(GOOD, watch=watch)
