"""Projects in subfolders of a checkout, and several projects in one."""

from collections.abc import Sequence
from dataclasses import replace
from posixpath import join, normpath

from curate.builders.git.tree import FileTree
from curate.builders.requirements.project import ProjectMetadata, merge_projects
from curate.builders.requirements.pyproject_toml import read_pyproject
from curate.builders.requirements.setup_cfg import read_setup_cfg
from curate.builders.requirements.setup_py import read_setup_py


class SubfolderTree:
    """The files of a commit as seen from *folder*; paths may lead out of it with `..`."""

    def __init__(self, tree: FileTree, folder: str) -> None:
        self._tree, self._folder = tree, folder

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if there is no such file."""
        return self._tree.read(normpath(join(self._folder, path)))

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        moved = normpath(join(self._folder, folder))
        return self._tree.list_names("" if moved == "." else moved)


def read_project(tree: FileTree) -> ProjectMetadata:
    """Merge the metadata of pyproject.toml, setup.cfg and setup.py; earlier files win."""
    readers = (read_pyproject, read_setup_cfg, read_setup_py)
    return merge_projects(
        project for project in (read(tree) for read in readers) if project is not None
    )


def read_projects(tree: FileTree, folders: Sequence[str]) -> tuple[ProjectMetadata, ...]:
    """Return the metadata of the projects in *folders* that exist; () means that in the root."""
    if not folders:
        return (read_project(tree),)
    found = [_read_folder(tree, folder) for folder in folders]
    return tuple(project for project in found if project.origin)


def _read_folder(tree: FileTree, folder: str) -> ProjectMetadata:
    project = read_project(tree if normpath(folder) == "." else SubfolderTree(tree, folder))
    return replace(project, folders=tuple(normpath(join(folder, it)) for it in project.folders))


def unite_projects(projects: Sequence[ProjectMetadata]) -> ProjectMetadata:
    """Return the metadata of several projects as one, with the name of the first.

    Extras and groups with the same name are one; the bounds on Python hold together.
    """
    if len(projects) == 1:
        return projects[0]
    named = [project for project in projects if project.name]
    extras: dict[str, tuple[str, ...]] = {}
    groups: dict[str, tuple[str, ...]] = {}
    for project in projects:
        for united, tables in ((extras, project.extras or {}), (groups, project.groups)):
            for name, lines in tables.items():
                united[name] = (*united.get(name, ()), *lines)
    return ProjectMetadata(
        origin=projects[0].origin if projects else "",
        name=named[0].name if named else "",
        dependencies=tuple(line for it in projects for line in it.dependencies or ()),
        extras=extras,
        groups=groups,
        requires_python=",".join(
            dict.fromkeys(it.requires_python for it in projects if it.requires_python)
        ),
        classifiers=next((it.classifiers for it in projects if it.classifiers), ()),
        build_requires=tuple(dict.fromkeys(line for it in projects for line in it.build_requires)),
        folders=tuple(folder for it in projects for folder in it.folders),
        notes=tuple(note for it in projects for note in it.notes),
        unknowns=tuple(note for it in projects for note in it.unknowns),
    )
