"""setup.cfg, as setuptools reads it."""

from configparser import ConfigParser, Error, InterpolationError

from builders.git.tree import Tree
from builders.requirements.project import Project
from builders.requirements.requirements_txt import Contents, add_text

PATH = "setup.cfg"


def read_setup_cfg(tree: Tree) -> Project | None:
    """Return the metadata of setup.cfg, or None where it is missing or malformed."""
    content = tree.read(PATH)
    if content is None:
        return None
    parser = ConfigParser(strict=False)  # setuptools interpolates, too
    try:
        parser.read_string(content.decode("utf-8-sig", errors="replace"))
    except Error:
        return Project(origin=PATH, notes=(f"{PATH} cannot be parsed",))
    declared = _section(parser, "options.extras_require")
    extras = {name: _lines(tree, text) for name, text in declared.items()}
    install = _text(parser, "options", "install_requires")
    return Project(
        origin=PATH,
        name=_text(parser, "metadata", "name") or "",
        dependencies=None if install is None else _lines(tree, install),
        extras=extras or None,
        requires_python=(_text(parser, "options", "python_requires") or "").strip(),
        classifiers=_lines(tree, _text(parser, "metadata", "classifiers") or ""),
    )


def _section(parser: ConfigParser, name: str) -> dict[str, str]:
    keys = parser.options(name) if parser.has_section(name) else ()
    return {key: _text(parser, name, key) or "" for key in keys}


def _text(parser: ConfigParser, section: str, key: str) -> str | None:
    """A value, as it stands where it cannot be interpolated; None where there is none."""
    try:
        return parser.get(section, key, fallback=None)
    except InterpolationError:
        return parser.get(section, key, raw=True)


def _lines(tree: Tree, text: str) -> tuple[str, ...]:
    """Split a multi-line value; `file: a.txt, b.txt` stands for the content of those files."""
    if text.strip().startswith("file:"):
        return read_texts(tree, text.strip().removeprefix("file:").split(","))
    bare = (part.split(" #")[0].strip() for part in text.splitlines())
    return tuple(part for part in bare if part and not part.startswith("#"))


def read_texts(tree: Tree, paths: list[str]) -> tuple[str, ...]:
    """Return the lines of plain files; missing ones hold nothing."""
    contents = Contents()
    for path in paths:
        content = tree.read(path.strip())
        add_text((content or b"").decode("utf-8", errors="replace"), path.strip(), contents)
    return tuple(line for line, _ in contents.lines)
