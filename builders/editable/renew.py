"""Renew the editable installs of a checkout whose files have changed since it was installed.

    python -I renew.py OVERLAY CHECKOUT [INSTALLED]

An editable install may list its top-level packages, and always its entry points, as of the install.
This script needs no network, no build tool and no right to write to the environment: it makes the
folder OVERLAY, to be put on PYTHONPATH, with what is missing. Its `sitecustomize` makes top-level
packages and modules importable that git does not know yet, behind everything else, as a finder of
setuptools would. Metadata with the current entry points come before the installed ones; `bin` has
new commands. Without anything to renew there is no folder. INSTALLED is where the checkout was when
it was installed, if elsewhere: imports are then redirected to CHECKOUT, at the same priorities.

This file is embedded in evaluation scripts, together with its imports from this package
(`source.py`). It runs on Python 3.6 and later. It also becomes part of every Python process of the
tests, so it imports little at first.
"""

import os
import sys
from typing import Any

from curate.builders.editable.entry_points import READERS, read_ini
from curate.builders.editable.imports import finder_values, is_inside, move_path

# What setuptools does not take for a package in a folder that has the project's metadata as well.
_NO_PACKAGES = """
    _build benchmark benchmarks build changelog ci conanfile conftest debian doc docs documentation
    dodo example examples exercise exercises fabfile htmlcov manage manpages news newsfragments
    noxfile pavement scripts setup site_scons tasks test tests toxfile unit_test unit_tests
"""
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
_SITECUSTOMIZE = """\
import curate_installed
curate_installed.redirect(*{moved!r})
curate_installed.add_finder({added!r})
curate_installed.run_next_sitecustomize(__file__)
"""
_SCRIPT = "#!{python}\nimport sys\nfrom {module} import {name}\nsys.exit({attribute}())\n"


def renew(overlay: str, checkout: str, installed: str) -> None:
    """Write the folder *overlay* if anything has to be renewed."""
    import shutil

    old, new = os.path.realpath(installed), os.path.realpath(checkout)
    texts = {
        source: _read_changed_metadata(new, project)
        for source, project in _find_projects(old).items()
    }
    words = {word for it in texts.values() for word in _new_words(it)}
    names = _find_added(new, old, _find_folders(old), words)
    added = {name: os.path.join(new, path) for name, path in names.items()}
    changes = {source: _changed_entry_points(it) for source, it in texts.items()}
    metadata = [(source, change) for source, change in changes.items() if any(change)]
    if not added and not metadata and old == new:
        return
    os.makedirs(overlay)
    shutil.copyfile(__file__, os.path.join(overlay, "curate_installed.py"))
    with open(os.path.join(overlay, "sitecustomize.py"), "w", encoding="utf-8") as target:
        target.write(_SITECUSTOMIZE.format(moved=(old, new), added=added))
    for installed_metadata, change in metadata:
        _write_entry_points(
            _copy_metadata(overlay, installed_metadata, old, new), installed_metadata, *change
        )
        own = {it[1] for it in change[0]}
        for group, name, reference in change[1]:
            is_free = name in own or shutil.which(name) is None  # it must not hide another's
            if group in ("console_scripts", "gui_scripts") and os.sep not in name and is_free:
                _write_command(os.path.join(overlay, "bin"), name, reference)


def _find_folders(root: str) -> Any:
    """Return the folders from whose mapping finders import -> whether they have metadata, too."""
    found = {}
    for values in finder_values():
        for value in values.values():
            for name, path in _mapped(value, root):
                folder = _strip_name(name, path)
                found[folder] = any(os.path.exists(os.path.join(folder, it)) for it in _METADATA)
    return {folder: flat for folder, flat in found.items() if folder not in sys.path}


def _mapped(value: Any, root: str) -> Any:
    """Yield (module, path) pairs of a mapping of modules to paths or lists of them."""
    if not isinstance(value, dict):
        return
    for name, places in value.items():
        for path in [places] if isinstance(places, str) else list(places or ()):
            if isinstance(name, str) and isinstance(path, str) and is_inside(path, root):
                yield name, path


def _strip_name(name: str, path: str) -> str:
    """Return the folder that contains the top-level package of module *name* at *path*."""
    folder, last = os.path.split(path)
    if last.startswith("__init__."):
        folder, last = os.path.split(folder)
    parts = name.split(".")
    if last.split(".")[0] != parts[-1]:
        return folder
    for part in reversed(parts[:-1]):
        above, last = os.path.split(folder)
        if last != part:
            break
        folder = above
    return folder


def _find_added(checkout: str, root: str, folders: Any, words: Any) -> Any:
    """Return name -> path below *checkout* of top-level modules to add.

    These are the ones that HEAD does not have, and those that changed metadata name in *words*.
    """
    if not folders:
        return {}
    listed = _git(checkout, "ls-files", "--others", "--exclude-standard", "-z")
    listed += _git(checkout, "diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", "HEAD")
    new_files = sorted(it for it in set(listed.split("\0")) if it.endswith(".py"))
    found = {}
    for folder, is_flat in folders.items():
        place = os.path.relpath(folder, root)
        for file in new_files:
            first, _, rest = os.path.relpath(file, place).partition("/")
            name = first if rest else first[: -len(".py")]
            path = os.path.normpath(os.path.join(place, name))
            if name in found or not name.isidentifier() or (is_flat and _is_no_package(name)):
                continue
            if rest in ("", "__init__.py") or not _git(checkout, "ls-tree", "HEAD", path):
                found[name] = path
        for name in words:
            path = os.path.normpath(os.path.join(place, name))
            files = (
                os.path.join(checkout, path, "__init__.py"),
                os.path.join(checkout, path + ".py"),
            )
            if any(map(os.path.isfile, files)):
                found.setdefault(name, path)
    return found


def _is_no_package(name: str) -> bool:
    return name in _NO_PACKAGES.split() or name.startswith("test_") or name.endswith("_test")


def _git(checkout: str, *arguments: str) -> str:
    from subprocess import DEVNULL, PIPE, run

    command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *arguments]
    done = run(command, cwd=checkout, stdout=PIPE, stderr=DEVNULL, check=False)
    return done.stdout.decode("utf-8", "surrogateescape")


def _find_projects(root: str) -> Any:
    """Return folder of installed metadata -> its project's folder, relative to *root*."""
    import json
    from glob import glob
    from urllib.parse import unquote, urlsplit

    found = {}
    for place in sys.path:
        for file in glob(os.path.join(place, "*.dist-info", "direct_url.json")):
            with open(file, encoding="utf-8") as stream:
                path = os.path.realpath(unquote(urlsplit(json.load(stream)["url"]).path))
            if is_inside(path, root):
                found[os.path.dirname(file)] = os.path.relpath(path, root)
        for file in glob(os.path.join(place, "*.egg-link")):
            with open(file, encoding="utf-8") as stream:
                path, above = [*stream.read().split("\n"), "."][:2]
            if is_inside(os.path.realpath(path), root):
                project = os.path.realpath(os.path.join(path, above))
                for source in glob(os.path.join(path, "*.egg-info")):
                    found[source] = os.path.relpath(project, root)
    return found


def _read_changed_metadata(checkout: str, project: str) -> Any:
    """Return name -> (text at HEAD, text now) of the metadata files that differ."""
    found = {}
    for name in _METADATA:
        path = os.path.normpath(os.path.join(project, name))
        old, new = _git(checkout, "show", "HEAD:" + path), ""
        if os.path.isfile(os.path.join(checkout, path)):
            with open(os.path.join(checkout, path), "rb") as file:
                new = file.read().decode("utf-8", "surrogateescape")
        if old != new:
            found[name] = (old, new)
    return found


def _new_words(texts: Any) -> Any:
    """Return the identifiers that are in new texts alone."""
    import re

    return {
        word
        for old, new in texts.values()
        for word in set(re.findall(r"[^\W\d]\w*", new)) - set(re.findall(r"[^\W\d]\w*", old))
    }


def _changed_entry_points(texts: Any) -> Any:
    """Return removed and added entry points as sets of (group, name, reference)."""
    before = {it for name, (old, _) in texts.items() for it in READERS[name](old)}
    after = {it for name, (_, new) in texts.items() for it in READERS[name](new)}
    return before - after, after - before


def _copy_metadata(overlay: str, source: str, old: str, new: str) -> str:
    """Return the folder of metadata that may be changed: in the checkout itself, or a copy."""
    import shutil

    if is_inside(source, old):
        return str(move_path(source, old, new))
    target = os.path.join(overlay, os.path.basename(source))
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("RECORD"))
    return target


def _write_entry_points(target: str, source: str, removed: Any, added: Any) -> None:
    """Write the entry points of the metadata *source* with changes to the folder *target*."""
    points = set()
    if os.path.isfile(os.path.join(source, "entry_points.txt")):
        with open(os.path.join(source, "entry_points.txt"), encoding="utf-8") as file:
            points = set(read_ini(file.read()))
    replaced = {it[:2] for it in added}
    points = {it for it in points - removed if it[:2] not in replaced} | added
    with open(os.path.join(target, "entry_points.txt"), "w", encoding="utf-8") as file:
        for group in sorted({it[0] for it in points}):
            lines = [it[1] + " = " + it[2] + "\n" for it in sorted(points) if it[0] == group]
            file.write("[" + group + "]\n" + "".join(lines) + "\n")


def _write_command(folder: str, name: str, reference: str) -> None:
    module, _, attribute = reference.partition("[")[0].strip().partition(":")
    if not (module and attribute):
        return
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        first = attribute.partition(".")[0]
        file.write(
            _SCRIPT.format(python=sys.executable, module=module, name=first, attribute=attribute)
        )
    os.chmod(path, 0o755)


if __name__ == "__main__":
    renew(sys.argv[1], sys.argv[2], sys.argv[-1])
