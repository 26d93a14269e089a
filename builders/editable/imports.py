"""What a renewed install adds to every Python process: a finder, and redirected folders.

Part of the script of `renew.py`; imported early, so that it imports little.
"""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any


class AddedFinder:
    """Finds top-level packages and modules by a mapping of names to paths without suffix."""

    def __init__(self, added: Any) -> None:
        self.added = added

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module, a package or a namespace package."""
        place = self.added.get(name)
        if place is None:
            return None
        init = os.path.join(place, "__init__.py")
        if os.path.isfile(init):
            return spec_from_file_location(name, init, submodule_search_locations=[place])
        if os.path.isfile(place + ".py"):
            return spec_from_file_location(name, place + ".py")
        if os.path.isdir(place):
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [place]
            return spec
        return None


def add_finder(added: Any) -> None:
    """Add a finder behind all others."""
    if added:
        sys.meta_path.append(AddedFinder(added))


def run_next_sitecustomize(own: str) -> None:
    """Run the environment's own `sitecustomize`, which this one hides."""
    places = [it for it in sys.path if it != os.path.dirname(own)]
    spec = PathFinder.find_spec("sitecustomize", places)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def redirect(old: str, new: str) -> None:
    """Replace the folder *old* by *new* in the import path, in finders and in loaded packages."""
    if old == new:
        return
    sys.path[:] = move_path(sys.path, old, new)
    for values in finder_values():
        for key, value in list(values.items()):
            move_path(value, old, new)
            if isinstance(value, str) and not key.startswith("__"):
                values[key] = move_path(value, old, new)
    for module in list(sys.modules.values()):
        place = getattr(module, "__path__", None)
        if isinstance(place, list):
            move_path(place, old, new)


def move_path(value: Any, old: str, new: str) -> Any:
    """Return *value* with paths moved; lists, dictionaries and sets are changed in place."""
    if isinstance(value, str):
        return new + value[len(old) :] if is_inside(value, old) else value
    if isinstance(value, tuple):
        return tuple(move_path(it, old, new) for it in value)
    if isinstance(value, list):
        value[:] = [move_path(it, old, new) for it in value]
    elif isinstance(value, dict):
        for key in list(value):
            value[key] = move_path(value[key], old, new)
    elif isinstance(value, set):
        moved = [move_path(it, old, new) for it in value]
        value.clear()
        value.update(moved)
    return value


def finder_values() -> Any:
    """Yield the variables of each finder that an editable install has added, and of its module."""
    owners = [getattr(hook, "__self__", None) for hook in sys.path_hooks]
    for finder in list(sys.meta_path) + owners:
        kind = finder if isinstance(finder, type) else type(finder)
        module = sys.modules.get(kind.__module__)
        if finder is None or not getattr(module, "__file__", None):
            continue  # of the interpreter
        if not isinstance(finder, type):
            yield vars(finder)
        yield {k: v for k, v in vars(kind).items() if not k.startswith("__")}
        if "." not in kind.__module__:
            yield {k: v for k, v in vars(module).items() if not k.startswith("__")}


def is_inside(path: str, folder: str) -> bool:
    """Whether *path* is *folder* or below it."""
    return path == folder or path.startswith(folder + os.sep)
