"""What counts as a change to pytest, and what only looks like one."""

import unittest.mock
from types import ModuleType

import pytest

from curate.builders.pytest_plugin.internals import InternalsWatch


class NoPlugins:
    def get_plugins(self) -> list[object]:
        return []


class HasEverything:
    """Has any attribute, another one each time, as `unittest.mock.call` has."""

    def __getattr__(self, name: str) -> "HasEverything":
        return HasEverything()

    def __call__(self, *arguments: object) -> "HasEverything":
        return self


def test_objects_that_have_every_attribute_are_no_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "__code__"
    assert getattr(unittest.mock.call, code) is not getattr(unittest.mock.call, code)
    monkeypatch.setattr(unittest.mock, "odd", HasEverything(), raising=False)
    monkeypatch.setattr(unittest.mock, "wild", unittest.mock.MagicMock(), raising=False)
    watch = InternalsWatch([__file__])
    assert watch.find_changes(NoPlugins()) == []


@pytest.mark.parametrize("module", [unittest.mock, unittest.case])
def test_a_function_that_is_replaced_is_a_change(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = InternalsWatch([__file__])
    name = "patch" if module is unittest.mock else "skip"
    monkeypatch.setattr(module, name, lambda *_: None)
    assert watch.find_changes(NoPlugins()) == [f"{module.__name__}.{name}"]
