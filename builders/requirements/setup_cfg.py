"""Read setup.cfg as setuptools does."""

from configparser import ConfigParser, Error, InterpolationError

from curate.builders.git.tree import FileTree
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.requirements_txt import ParsedRequirements, add_requirements_text

PATH = "setup.cfg"


def read_setup_cfg(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of setup.cfg, or None if it is missing; an invalid file is noted."""
    content = tree.read(PATH)
    if content is None:
        return None
    parser = ConfigParser(strict=False)  # with interpolation, as in setuptools
    try:
        parser.read_string(content.decode("utf-8-sig", errors="replace"))
    except Error:
        return ProjectMetadata(origin=PATH, notes=(f"{PATH} cannot be parsed",))
    declared = _read_section(parser, "options.extras_require")
    extras = {name: _split_lines(tree, text) for name, text in declared.items()}
    install = _read_value(parser, "options", "install_requires")
    return ProjectMetadata(
        origin=PATH,
        name=_read_value(parser, "metadata", "name") or "",
        dependencies=None if install is None else _split_lines(tree, install),
        extras=extras or None,
        requires_python=(_read_value(parser, "options", "python_requires") or "").strip(),
        classifiers=_split_lines(tree, _read_value(parser, "metadata", "classifiers") or ""),
    )


def _read_section(parser: ConfigParser, name: str) -> dict[str, str]:
    keys = parser.options(name) if parser.has_section(name) else ()
    return {key: _read_value(parser, name, key) or "" for key in keys}


def _read_value(parser: ConfigParser, section: str, key: str) -> str | None:
    """Return a value, uninterpolated if interpolation fails; None if there is none."""
    try:
        return parser.get(section, key, fallback=None)
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
        add_requirements_text(
            (content or b"").decode("utf-8", errors="replace"), path.strip(), contents
        )
    return tuple(line for line, _ in contents.lines)
