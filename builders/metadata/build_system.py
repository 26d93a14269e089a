"""Which build back-end a commit declares, and the question to it."""

import json
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from curate.builders.git.tree import FileTree
from curate.builders.process.digest import content_hash
from curate.builders.requirements.text import decode_text

_DEFAULT_REQUIRES = ("setuptools", "wheel")
_VERSION_VARIABLES = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION")
_NO_VERSION = "1.0"  # for a project without tags
HIDDEN_GIT = ".git.hidden"
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class BuildSystem:
    """The table `[build-system]`, or what stands for it."""

    requires: tuple[str, ...]
    backend: str = ""  # "" = setup.py
    backend_path: tuple[str, ...] = ()


def read_build_system(tree: FileTree) -> BuildSystem | None:
    """Return the build back-end of *tree*; None without one."""
    try:
        data = tomllib.loads(decode_text(tree.read("pyproject.toml") or b""))
    except tomllib.TOMLDecodeError:
        data = {}
    table = data.get("build-system", {})
    has_script = tree.read("setup.py") is not None
    backend = table.get("build-backend", "" if has_script else "setuptools.build_meta")
    if not has_script and not data and tree.read("setup.cfg") is None:
        return None
    requires = _strings(table.get("requires")) or _DEFAULT_REQUIRES
    if not backend or str(backend).startswith("setuptools"):
        requires = tuple(dict.fromkeys((*requires, *_DEFAULT_REQUIRES)))
    return BuildSystem(
        requires=requires, backend=str(backend), backend_path=_strings(table.get("backend-path"))
    )


def version_variables(version: str) -> Mapping[str, str]:
    """Return variables that tell back-ends the version, which they would look up in git."""
    variables = dict.fromkeys(_VERSION_VARIABLES, version or _NO_VERSION)
    return {**variables, "POETRY_DYNAMIC_VERSIONING_BYPASS": version or _NO_VERSION}


def render_question(system: BuildSystem) -> str:
    """Render the shell command that asks in a checkout; its output is for `parse_reply`.

    If the hooks of setuptools fail, as they are missing in old releases, setup.py is asked. Git is
    hidden at first: what it says differs at every commit, so a reply made from that would hold for
    no other one.
    """
    question = {"backend": system.backend, "backend_path": list(system.backend_path)}
    commands = [f'python -B "$folder/ask.py" {shlex.quote(json.dumps(question))}']
    if system.backend.startswith("setuptools"):
        script = json.dumps({**question, "backend": ""})
        commands.append(
            f'{{ [ -f setup.py ] && python -B "$folder/ask.py" {shlex.quote(script)}; }}'
        )
    return "\n".join(
        [
            "folder=$(mktemp -d)",
            *_write_file("sitecustomize.py", _read_script("recorder")),
            *_write_file("ask.py", _read_script("ask")),
            'export CURATE_CHECKOUT="$PWD" CURATE_RECORD="$folder/record" PYTHONPATH="$folder"',
            "unset PYTEST_PLUGINS CURATE_REPORT",
            'export GIT_CEILING_DIRECTORIES="$(dirname "$PWD")"',
            f"ask() {{ {' || '.join(commands)}; }}",
            f"mv .git {HIDDEN_GIT}",
            f"ask || {{ mv {HIDDEN_GIT} .git; export CURATE_GIT=visible; ask; }}",
        ]
    )


def render_installed_question() -> str:
    """Render the shell command that prints the metadata of what a checkout installed."""
    return f"python -I -B -c {shlex.quote(_read_script('installed'))}"


@cache
def scripts_hash() -> str:
    """Return a hash of the scripts that run in a sandbox; other ones may answer differently."""
    return content_hash(_read_script("ask"), _read_script("recorder"))


def _write_file(name: str, text: str) -> list[str]:
    return [f"cat > \"$folder/{name}\" <<'CURATE_END'", text.rstrip("\n"), "CURATE_END"]


def _read_script(name: str) -> str:
    return (_HERE / f"{name}.py").read_text(encoding="utf-8")


def _strings(value: object) -> tuple[str, ...]:
    return tuple(it for it in value if isinstance(it, str)) if isinstance(value, list) else ()
