"""A project with an extension in Rust, installed and built again by its draft, with no crates.

The toolchain is Debian's, which is large.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.client import connect_to_engine
from curate.builders.git.tree import GitTree
from curate.builders.lock.resolve import compile_lock
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock, RunSpec
from curate.builders.python.choose import available_pythons
from curate.builders.requirements import Manifest, read_manifest
from curate.builders.settings import BuildSettings
from curate.recipe_tools.draft.observe import observe_commit
from curate.recipe_tools.draft.propose import draft_recipe
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.recipes import EnvRecipe, parse_recipe
from tests.helpers.engine_settings import read_engine_settings
from tests.helpers.instance_spec import make_instance_spec

pytestmark = pytest.mark.xdist_group("builds")

PYTHON = "3.11"
DATE = datetime(2024, 5, 1, tzinfo=UTC)
FILES = {
    "setup.py": "from setuptools import setup\n"
    "from setuptools_rust import Binding, RustExtension\n"
    "setup(name='thing', version='1', packages=['thing'], rust_extensions=[\n"
    "    RustExtension('thing._native', binding=Binding.NoBinding)], zip_safe=False)\n",
    "pyproject.toml": '[build-system]\nrequires = ["setuptools", "wheel", "setuptools-rust"]\n',
    "Cargo.toml": '[package]\nname = "thing"\nversion = "1.0.0"\nedition = "2021"\n'
    '[lib]\ncrate-type = ["cdylib"]\n',
    "src/lib.rs": '#[no_mangle]\npub extern "C" fn answer() -> i32 {\n    41\n}\n',
    "thing/__init__.py": "import ctypes, glob, os\n"
    "_path, = glob.glob(os.path.join(os.path.dirname(__file__), '_native*.so'))\n"
    "answer = ctypes.CDLL(_path).answer\n",
    "tests/test_thing.py": "import thing\ndef test_answer():\n    assert thing.answer() == 42\n",
    ".gitignore": "target\n*.so\n*.egg-info\nbuild\n__pycache__\nCargo.lock\n",
    ".github/workflows/tests.yml": "jobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n"
    "      - run: pip install pytest .\n      - run: pytest\n",
}
MATURIN = {
    **{name: text for name, text in FILES.items() if name != "setup.py"},
    "pyproject.toml": '[build-system]\nrequires = ["maturin>=1,<2", "cffi"]\n'
    'build-backend = "maturin"\n[project]\nname = "thing"\nversion = "1.0"\n'
    'dependencies = ["cffi"]\n[tool.maturin]\nbindings = "cffi"\nmodule-name = "thing._native"\n',
    "thing/__init__.py": "from thing._native import lib\nanswer = lib.answer\n",
    ".gitignore": FILES[".gitignore"] + "thing/_native\n",
}
CRATE = "[dependencies]\nlibc = '0.2'\n"


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """What to build by the draft, and how its tests are run."""

    spec: InstanceSpec
    env: EnvRecipe
    mirror: Path

    def patch(self, path: str, old: str, new: str) -> bytes:
        """Return the diff of a change to a file."""
        file = self.mirror / path
        file.write_text(file.read_text().replace(old, new))
        done = subprocess.run(["git", "diff"], cwd=self.mirror, capture_output=True, check=True)
        subprocess.run(["git", "checkout", "-q", "."], cwd=self.mirror, check=True)
        return done.stdout


def draft(folder: Path, files: Mapping[str, str], settings: BuildSettings) -> Drafted:
    """Commit *files*, and draft a recipe of the only commit."""
    spec = make_instance_spec(folder, files, "", PYTHON)
    with GitTree(folder / ".git", spec.base_commit) as tree:
        observed = observe_commit(tree, DATE, "1.0")
        recipe = parse_recipe(render_recipe(draft_recipe("o/thing", [observed])), "o__thing.toml")
        env = recipe.env[0]
        manifest = read_manifest(tree, env.requirements)
    assert isinstance(manifest, Manifest), manifest
    lock = compile_lock(manifest, python=PYTHON, cutoff=DATE, settings=settings)
    assert isinstance(lock, RequirementsLock), lock
    spec = replace(
        spec,
        mirror=folder / ".git",
        lock=lock,
        install=env.install,
        system_packages=env.system_packages,
    )
    return Drafted(spec=spec, env=env, mirror=folder)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BuildSettings:
    known = read_engine_settings(tmp_path_factory.mktemp("cache"))
    if PYTHON not in available_pythons(known.python_install_dir):
        pytest.skip(f"no Python {PYTHON} here")
    return known


@pytest.fixture
def backend(settings: BuildSettings) -> DockerBackend:
    return DockerBackend(settings)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(FILES, id="setuptools-rust"),
        pytest.param(MATURIN, id="maturin", marks=pytest.mark.heavy),
    ],
)
def test_an_extension_in_rust_is_built_again_after_a_patch(
    settings: BuildSettings, backend: DockerBackend, tmp_path: Path, files: Mapping[str, str]
) -> None:
    drafted = draft(tmp_path / "r", files, settings)
    assert drafted.env.system_packages == ("cargo", "rustc")
    built = backend.build_instance(drafted.spec)
    assert isinstance(built, BuiltInstance), built
    command = drafted.env.test_command.format(tests="tests/test_thing.py")
    gold = drafted.patch("src/lib.rs", "41", "42")
    try:
        before = backend.run_tests(built, RunSpec(command=command))
        after = backend.run_tests(built, RunSpec(command=command, patches=(gold,)))
    finally:
        connect_to_engine().images.remove(built.handle, noprune=True)  # its own, and no other
    name = "tests/test_thing.py::test_answer"
    outcomes = before.outcomes.get(name), after.outcomes.get(name)
    assert outcomes == ("failed", "passed"), (before.output, after.output)
    assert b"Building editable" not in before.output


def test_crates_that_cannot_be_had_are_the_cause_that_is_told(
    settings: BuildSettings, backend: DockerBackend, tmp_path: Path
) -> None:
    """The registry of the project's own configuration is one that no machine has."""
    files = {
        **FILES,
        "Cargo.toml": FILES["Cargo.toml"] + CRATE,
        ".cargo/config.toml": '[source.crates-io]\nreplace-with = "gone"\n'
        '[source.gone]\nregistry = "https://registry.invalid/index"\n[net]\nretry = 0\n',
    }
    found = backend.build_instance(draft(tmp_path / "r", files, settings).spec)
    assert isinstance(found, Failure), found
    assert (found.stage, found.reason) == ("install", "registry-unreachable")
    assert found.detail.startswith("crates.io cannot be reached: the build needs packages")
