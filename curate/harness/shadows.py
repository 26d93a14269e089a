"""New modules of a candidate that hide modules of Python or of installed packages.

Part of the script `prepare_checkout.py`: stands alone, Python 3.6 and later.
"""

import os
import re
import sys
from typing import Any

from curate.harness.entries import put_back

_IMPORTABLE = re.compile(r"\.(py|pyc|pyi?d|so|pth)$")


def find_import_roots(checkout: str, installed: str, named: Any) -> Any:
    """Return folder -> names in it, of the folders of *checkout* from which Python imports.

    *installed* is where the checkout was when it was installed, if elsewhere; *named* are folders
    of the variables of the tests.
    """
    real, old = os.path.realpath(checkout), os.path.realpath(installed or checkout)
    found = {os.path.realpath(it) for it in sys.path if it}
    inside = {real + it[len(old) :] for it in found if it.startswith(old + os.sep)}
    inside |= {os.path.realpath(os.path.join(real, it)) for it in named if it}
    roots = [real, *sorted(it for it in inside if it.startswith(real + os.sep))]
    return {root: frozenset(os.listdir(root)) for root in roots if os.path.isdir(root)}


def remove_shadows(checkout: str, roots: Any, changed: Any, protection: Any) -> Any:
    """Remove new top-level modules that hide one of Python or of an installed package.

    Yields the paths of *changed* that are gone. The gold patch's own modules stay.
    """
    hidden = None
    for path in changed:
        target = os.path.join(os.path.realpath(checkout), path)
        for root in sorted(roots, key=len, reverse=True):
            if not target.startswith(root + os.sep):
                continue
            top, *rest = target[len(root) + 1 :].split(os.sep)
            name = top.split(".")[0]
            is_module = _IMPORTABLE.search(target if rest else top) or os.path.islink(target)
            hides_tests = not rest and protection.covers(path.split(".")[0] + "/__init__.py")
            is_old = any(it.split(".")[0] == name for it in roots[root]) and not hides_tests
            if path in protection.gold_paths or not is_module or is_old:
                continue
            hidden = hidden or find_outside_names(roots)
            if (name in hidden or hides_tests) and os.path.lexists(target):
                put_back(checkout, path, None)
                yield path


def find_outside_names(roots: Any) -> Any:
    """Return the names of all top-level modules that do not come from *roots*."""
    names = {"sitecustomize", "usercustomize", *sys.builtin_module_names}
    for folder in sys.path:
        if os.path.realpath(folder) not in roots and os.path.isdir(folder):
            found = os.listdir(folder)
            names |= {it.split(".")[0] for it in found if "-" not in it and not it.startswith("_")}
            names |= {it.split(".")[0] for it in found if it.startswith("_") and it[1:2] != "_"}
    return names
