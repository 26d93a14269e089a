"""Read setup.cfg as setuptools does."""

import re
from configparser import ConfigParser, Error, InterpolationError

from curate.builders.git.tree import FileTree
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.requirements_txt import ParsedRequirements, add_requirements_text
from curate.builders.requirements.text import decode_text

PATH = "setup.cfg"
_PBR_PYTHON = ("python_requires", "requires_python")


def read_setup_cfg(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of setup.cfg, or None if it is missing; an invalid file is noted.

    Names of options may have dashes, as setuptools allows. If pbr builds the project, its
    dependencies are in requirements.txt, and its extras in the section `extras`.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    parser = ConfigParser(strict=False)  # with interpolation, as in setuptools
    try:
        parser.read_string(decode_text(content))
    except Error:
        note = f"{PATH} cannot be parsed"
        return ProjectMetadata(origin=PATH, notes=(note,), unknowns=(note,))
    metadata, options = (_read_options(parser, name) for name in ("metadata", "options"))
    uses_pbr = _is_built_by_pbr(tree)
    extras = _read_section(parser, "extras" if uses_pbr else "options.extras_require")
    install = options.get("install_requires", "file: requirements.txt" if uses_pbr else None)
    tests = options.get("tests_require")
    python = [options.get("python_requires"), *map(metadata.get, _PBR_PYTHON)]
    return ProjectMetadata(
        origin=PATH,
        name=metadata.get("name", ""),
        dependencies=None if install is None else _split_lines(tree, install),
        extras={name: _split_lines(tree, text) for name, text in extras.items()} or None,
        groups={} if tests is None else {"tests_require": _split_lines(tree, tests)},
        requires_python=next((text.strip() for text in python if text), ""),
        classifiers=_split_lines(tree, metadata.get("classifiers", metadata.get("classifier", ""))),
    )


def _is_built_by_pbr(tree: FileTree) -> bool:
    script = re.search(rb"\bpbr\s*=\s*True\b", tree.read("setup.py") or b"")
    return script is not None or b"pbr.build" in (tree.read("pyproject.toml") or b"")


def _read_options(parser: ConfigParser, name: str) -> dict[str, str]:
    """Return the options of a section, with underscores in their names."""
    return {key.replace("-", "_"): text for key, text in _read_section(parser, name).items()}


def _read_section(parser: ConfigParser, name: str) -> dict[str, str]:
    keys = parser.options(name) if parser.has_section(name) else ()
    return {key: _read_value(parser, name, key) for key in keys}


def _read_value(parser: ConfigParser, section: str, key: str) -> str:
    """Return a value, uninterpolated if interpolation fails."""
    try:
        return parser.get(section, key)
    except InterpolationError:
        return parser.get(section, key, raw=True)


def _split_lines(tree: FileTree, text: str) -> tuple[str, ...]:
    """Split a multi-line value; `file: a.txt, b.txt` is replaced by the lines of those files."""
    if text.strip().startswith("file:"):
        return read_plain_files(tree, text.strip().removeprefix("file:").split(","))
    bare = (part.split(" #")[0].strip() for part in text.splitlines())
    return tuple(part for part in bare if part and not part.startswith("#"))


def read_plain_files(tree: FileTree, paths: list[str]) -> tuple[str, ...]:
    """Return the requirement lines of plain files; missing files are ignored."""
    contents = ParsedRequirements()
    for path in paths:
        content = tree.read(path.strip())
        add_requirements_text(decode_text(content or b""), path.strip(), contents)
    return tuple(line for line, _ in contents.lines)
