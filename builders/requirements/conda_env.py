"""Read conda environment files, as far as PyPI has their packages."""

import re

from curate.builders.git.tree import FileTree
from curate.builders.package_facts import load_package_facts
from curate.builders.requirements.requirements_txt import (
    ParsedRequirements,
    add_requirement_lines,
)
from curate.builders.requirements.text import decode_text

_PINNED = re.compile(r"^==(\d+\.\d+)(?:\.|$)")
_SPEC = re.compile(r"^(?:[\w.-]+::)?([A-Za-z0-9_.-]+)\s*(?:\[.*\])?\s*(.*)$")


def read_conda(tree: FileTree, path: str) -> ParsedRequirements:
    """Return the packages of the conda environment file *path*; if it is invalid, only a note.

    Requirement files that its `pip` section references are read, too.
    """
    import yaml  # slow to import, and few projects have such a file

    contents = ParsedRequirements(files=[path])
    try:
        loaded = yaml.safe_load(decode_text(tree.read(path) or b""))
    except yaml.YAMLError:
        contents.notes.append(f"{path} is not valid YAML")
        return contents
    dependencies = loaded.get("dependencies") if isinstance(loaded, dict) else None
    for item in dependencies if isinstance(dependencies, list) else ():
        if isinstance(item, dict):
            lines = item.get("pip")
            lines = (str(line).strip() for line in (lines if isinstance(lines, list) else ()))
            add_requirement_lines(tree, path, lines, contents)
        elif isinstance(item, str):
            _add_conda_spec(item, path, contents)
    return contents


def _add_conda_spec(item: str, origin: str, contents: ParsedRequirements) -> None:
    match = _SPEC.match(item.strip())
    if match and match[1].lower() == "python":
        pinned = _PINNED.match(_to_pep440(match[2]))
        contents.python = pinned[1] if pinned else ""
    line = convert_conda_spec(match[1], match[2]) if match else ""
    if line:
        contents.lines.append((line, origin))


def convert_conda_spec(name: str, spec: str) -> str:
    """Return the requirement line for a conda package; "" if it is no Python distribution."""
    pypi_name = load_package_facts().find_pypi_name(name)
    bounds = "" if spec.strip() == "*" else _to_pep440(spec)
    return pypi_name and pypi_name + bounds


def _to_pep440(spec: str) -> str:
    """Convert a conda version spec to PEP 440.

    Conda's `=1.2` matches any 1.2.x; a third field (`=1.2=build`) is a build string.
    """
    text = spec.replace(" ", "")
    fuzzy = re.match(r"^=([^=<>!,|]+)(?:=[^=]+)?$", text)
    if fuzzy:
        return f"=={fuzzy[1].removesuffix('.*').removesuffix('*')}.*"
    bare = re.match(r"^\d[\w.*]*$", text)
    series = re.match(r"^(?:==)?(\d[\w.]*?)\.?\*$", text)  # `6.0*` matches any 6.0.x
    if series:
        return f"=={series[1]}.*"
    return f"=={text}" if bare else text.split("|")[0]
