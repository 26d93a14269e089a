"""What a registry may answer when it is asked for an environment."""

from types import SimpleNamespace

import docker
import pytest

from builders.registry import RegistryError
from builders.shared import KEY, LAYER, fetch_environment, repository

GOOD = {LAYER: "environment", KEY: "k1"}


class Images:
    """An engine that pulls *answer*: labels, or what the registry says instead."""

    def __init__(self, answer):
        self.answer = answer
        self.tags = []
        self.removed = []

    def pull(self, name, tag):
        assert (name, tag) == ("reg:5000/lab/curate-env", "k1")
        if isinstance(self.answer, dict):
            return SimpleNamespace(labels=self.answer, tag=self.tags.append)
        raise self.answer

    def remove(self, name, **_):
        self.removed.append(name)


def fetched(answer):
    images = Images(answer)
    engine = SimpleNamespace(images=images)
    return fetch_environment(engine, "curate/env:k1", "reg:5000/lab/", "curate"), images


def test_what_has_the_key_on_it_takes_the_name_it_would_have_here():
    found, images = fetched(GOOD)
    assert found
    assert images.tags == ["curate/env:k1"]
    assert images.removed == [f"{repository('reg:5000/lab', 'curate')}:k1"]


@pytest.mark.parametrize("labels", [{}, GOOD | {KEY: "k2"}, GOOD | {LAYER: "instance"}])
def test_what_has_another_label_is_refused(labels):
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
def test_what_is_not_there_is_no_error(error):
    assert fetched(error)[0] is False


def test_a_registry_that_does_not_answer_is_one():
    with pytest.raises(RegistryError, match="cannot be asked"):
        fetched(docker.errors.APIError("500", explanation="connection refused"))
