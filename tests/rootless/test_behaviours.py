"""The list of behaviours of every sandbox, for those of plain users."""

import pytest

from tests.helpers.sandbox_behaviours import BEHAVIOURS, Behaviour
from tests.helpers.sandbox_ids import ID_BEHAVIOURS
from tests.rootless.conftest import RunProject


@pytest.mark.parametrize("behaviour", [*BEHAVIOURS, *ID_BEHAVIOURS], ids=lambda each: each.name)
def test_behaviour(behaviour: Behaviour, kind: str, run: RunProject) -> None:
    if behaviour.only not in ("", kind):
        pytest.skip(f"not a behaviour of {kind}")
    behaviour.check(run(behaviour.files, behaviour.execution))
