"""Pushes of many images: one that fails is told and the others go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.builders.engine.registry import RegistryError, RegistryUnavailableError
from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.core.errors import ConfigurationError
from curate.publish.images import (
    PushIncompleteError,
    list_images,
    push_images,
    require_all_pushed,
    require_registry_images,
    set_release_images,
)
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.table import make_table
from curate.store import Store
from tests.helpers.image_push import save_verified
from tests.helpers.releases import good

NAMES = [f"owner__name-{number}" for number in range(1, 7)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as store:
        for number in range(1, 7):
            save_verified(store, number, f"curate/i:{number}", f"sha256:{number}")
        yield store


class Registry:
    """Takes images, but for those that *errors* names by number."""

    def __init__(self, errors: dict[int, BuilderError]) -> None:
        self.errors = errors
        self.taken: list[str] = []

    def push(self, image: str, repository: str, tag: str) -> tuple[str, int]:
        if error := self.errors.get(int(image.rpartition(":")[2])):
            raise error
        self.taken.append(repository.rpartition(".")[2])
        return f"{repository}@sha256:{'d' * 64}", 1


def pushed_by(store: Store, registry: Registry, ids: list[str]) -> tuple[list[str], list[str]]:
    """Ids that are in the registry now, and those that failed."""
    inventory = list_images(store, "r.example/x", ids)
    done = push_images(store, "r.example/x", inventory, registry.push, lambda *_: None)
    if done.failures:
        with pytest.raises(PushIncompleteError, match=r"images could not be pushed, the first"):
            require_all_pushed(done)
    else:
        require_all_pushed(done)
    return sorted(done.images), sorted(done.failures)


def test_one_refused_image_keeps_no_other_from_being_pushed(store: Store) -> None:
    refusing = Registry({2: RegistryError("denied"), 5: RegistryError("denied")})
    done, failed = pushed_by(store, refusing, NAMES)
    assert failed == ["owner__name-2", "owner__name-5"]
    assert done == [name for name in NAMES if name not in failed]
    later = Registry({})
    assert pushed_by(store, later, NAMES) == (NAMES, [])
    assert later.taken == ["owner_s_name-2", "owner_s_name-5"]


def test_images_of_other_instances_stay_here(store: Store) -> None:
    registry = Registry({})
    assert pushed_by(store, registry, NAMES[:2])[0] == NAMES[:2]
    assert registry.taken == ["owner_s_name-1", "owner_s_name-2"]


@pytest.mark.parametrize("error", [EngineUnavailableError("gone"), DiskFullError("full")])
def test_a_machine_that_fails_ends_the_pushes(store: Store, error: BuilderError) -> None:
    registry = Registry({3: error})
    with pytest.raises(type(error)):
        pushed_by(store, registry, NAMES)
    assert len(registry.taken) == 2


def test_a_registry_that_is_gone_is_not_asked_for_every_image(store: Store) -> None:
    gone = RegistryUnavailableError("no answer")
    registry = Registry({2: gone, 3: gone, 4: gone})
    with pytest.raises(RegistryUnavailableError):
        pushed_by(store, registry, NAMES)
    assert registry.taken == ["owner_s_name-1"]
    shaky = Registry({2: gone, 3: gone, 5: gone})
    assert pushed_by(store, shaky, NAMES)[1] == ["owner__name-2", "owner__name-3", "owner__name-5"]


def test_rows_name_local_images_only_if_that_is_asked_for(store: Store) -> None:
    rows = [good(7), good(9, image="curate/i:9")]
    with pytest.raises(ConfigurationError, match=r"1 of 2 images .* owner__name-9") as refused:
        require_registry_images(rows)
    assert "--allow-local-images" in refused.value.hint
    require_registry_images(rows[:1])
    table = make_table(TRAIN_COLUMNS, rows)
    allowed = set_release_images(
        table, store=store, registry="", allow_local=True, network_timeout=1
    )
    assert list(allowed) == rows


def test_a_validation_is_read_once_for_its_image_and_again_when_it_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    iter_verified = store.iter_verified

    def noted(ids: list[str]) -> object:
        read.append(list(ids))
        return iter_verified(ids)

    monkeypatch.setattr(store, "iter_verified", noted)
    first = list_images(store, "r.example/x").local_environments
    assert list_images(store, "r.example/x").local_environments == first
    save_verified(store, 3, "curate/i:33", "sha256:33")
    changed = list_images(store, "r.example/x").local_environments
    assert changed[NAMES[2]].digest == "sha256:33"
    assert list(changed) == list(first) == NAMES
    assert read == [NAMES, [], [NAMES[2]]]
