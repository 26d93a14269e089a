"""Read conda environment files, as far as PyPI has their packages."""

import re
from collections.abc import Iterable

from curate.builders.requirements.requirements_txt import ParsedRequirements

# Conda name -> PyPI name, where they differ.
_PYPI_NAMES = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "msgpack-python": "msgpack",
    "matplotlib-base": "matplotlib",
    "dask-core": "dask",
    "python-graphviz": "graphviz",
    "python-blosc": "blosc",
    "python-xxhash": "xxhash",
    "tiledb-py": "tiledb",
    "geopandas-base": "geopandas",
    "py-xgboost": "xgboost",
    "py-boost": "boost",
    "pytables": "tables",
    "ray-default": "ray[default]",
    "ray-core": "ray",
    "modin-all": "modin[all]",
    "psycopg2": "psycopg2-binary",
}
# Conda packages that are not Python distributions.
_NOT_PYTHON = re.compile(
    r"^(python|pip|conda|mamba|nodejs|graphviz|openjdk|libgdal|gcc|gxx|clang|cmake|make|git|"
    r"compilers|c-compiler|cxx-compiler|cuda.*|cudatoolkit|mkl|openblas|nomkl|lib.*|chromium|"
    r"firefox|geckodriver|tiledb|arrow-cpp|parquet-cpp|thrift-cpp|protoc|r-.*|xorg.*|_.*)$"
)
_PINNED = re.compile(r"^==(\d+\.\d+)(?:\.|$)")
_SPEC = re.compile(r"^(?:[\w.-]+::)?([A-Za-z0-9_.-]+)\s*(?:\[.*\])?\s*(.*)$")


def read_conda(text: str, origin: str) -> ParsedRequirements:
    """Return the packages of a conda environment file; if it is invalid, only a note.

    *origin* is the path of the file.
    """
    import yaml  # slow to import, and few projects have such a file

    contents = ParsedRequirements()
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        contents.notes.append(f"{origin} is not valid YAML")
        return contents
    dependencies = loaded.get("dependencies") if isinstance(loaded, dict) else None
    for item in dependencies or ():
        if isinstance(item, dict):
            _add_pip_lines(item.get("pip") or (), origin, contents)
        elif isinstance(item, str):
            _add_conda_spec(item, origin, contents)
    return contents


def _add_pip_lines(items: Iterable[object], origin: str, contents: ParsedRequirements) -> None:
    lines = (str(item).strip() for item in items)
    contents.lines += [(line, origin) for line in lines if not line.startswith("-")]


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
    if _NOT_PYTHON.match(name.lower()):
        return ""
    bounds = "" if spec.strip() == "*" else _to_pep440(spec)
    return _PYPI_NAMES.get(name.lower(), name) + bounds


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
