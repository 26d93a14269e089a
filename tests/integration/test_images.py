"""Images of a small project, built by a real engine from a real repository."""

import base64
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.buildkit import find_build_client
from curate.builders.engine.client import connect_to_engine
from curate.builders.errors import DiskFullError
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RunSpec
from curate.builders.settings import BuildSettings
from curate.harness.eval_script import render_eval_script
from tests.helpers.engine_settings import read_engine_settings
from tests.helpers.fakes import expect
from tests.helpers.instance_spec import make_instance_spec

pytestmark = pytest.mark.xdist_group("builds")

PYTHON = "3.11"
SETUP = "from setuptools import setup\nsetup(name='thing', version='1.0', packages=['thing'])\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BuildSettings:
    return read_engine_settings(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def backend(settings: BuildSettings) -> DockerBackend:
    return DockerBackend(settings)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> InstanceSpec:
    files = {
        "thing/__init__.py": "import six\n",
        "setup.py": SETUP,
        ".gitignore": "*.egg-info\n",
    }
    return make_instance_spec(
        tmp_path_factory.mktemp("mirror"),
        files,
        "six==1.16.0\n",
        PYTHON,
        env_vars={"GREETING": 'say "hi" for $5'},
    )


@pytest.fixture(scope="module")
def built(backend: DockerBackend, spec: InstanceSpec) -> Iterator[BuiltInstance]:
    built = backend.build_instance(spec)
    assert isinstance(built, BuiltInstance), built
    yield built
    connect_to_engine().images.remove(built.handle, noprune=True)


def _inside(built: BuiltInstance, command: str) -> str:
    output = connect_to_engine().containers.run(
        built.handle, ["sh", "-c", command], network_mode="none", user="1000:1000", remove=True
    )
    return output.decode().strip()


def test_record_tells_what_was_built(built: BuiltInstance) -> None:
    assert built.digest.startswith("sha256:")
    assert list(built.dockerfiles) == ["base", "python", "environment", "instance"]
    assert all(size > 0 for size in built.layer_bytes.values())
    assert built.layer_bytes["instance"] < 1 << 20


def test_ordinary_user_works_in_a_clean_checkout(built: BuiltInstance, spec: InstanceSpec) -> None:
    assert _inside(built, "git status --porcelain") == ""
    assert _inside(built, "git log --all HEAD --format=%H") == spec.base_commit
    assert _inside(built, "touch thing/new && git status --porcelain") == "?? thing/new"
    program = "import thing, six; print(thing.__file__, six.__version__)"
    assert _inside(built, f"cd / && python -c '{program}'") == "/testbed/thing/__init__.py 1.16.0"
    assert _inside(built, 'echo "$GREETING"') == 'say "hi" for $5'


def test_tests_may_write_to_the_environment(built: BuiltInstance) -> None:
    site = "$(python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')"
    hook = 'import os; os.environ["HOOKED"] = "1"'
    made = f"echo '{hook}' > {site}/hook.pth && touch $(dirname $(command -v python))/tool"
    read = "python -c 'import os; print(os.environ[\"HOOKED\"])'"
    assert _inside(built, f"{made} && {read}") == "1"
    assert _inside(built, "find /opt/venv ! -user 1000") == ""
    assert _inside(built, f"ls {site}/hook.pth 2>/dev/null || echo gone") == "gone"


def test_nothing_of_the_build_is_left(built: BuiltInstance) -> None:
    assert _inside(built, "ls -A /mnt /media /tmp | grep -v : ; true") == ""
    assert _inside(built, "command -v uv; env | grep -iE 'cert|uv_|pip_|index'; true") == ""
    seeds = _inside(built, "pip list --format=freeze 2>/dev/null").splitlines()
    assert "pip==24.0" in seeds  # the newest of 2024-05-01


def test_c_extensions_can_be_compiled(built: BuiltInstance) -> None:
    program = "import sysconfig; print(sysconfig.get_path('include'))"
    assert _inside(built, f'ls $(python -c "{program}")/Python.h').endswith("/Python.h")
    assert _inside(
        built, "python -c 'import sysconfig as s; print(s.get_config_var(\"LIBDIR\"))'"
    ) == ("/opt/python/lib")


NEWER = b"""\
diff --git a/newer.py b/newer.py
new file mode 100644
--- /dev/null
+++ b/newer.py
@@ -0,0 +1,2 @@
+def main():
+    print(__file__)
diff --git a/setup.py b/setup.py
--- a/setup.py
+++ b/setup.py
@@ -1,2 +1,3 @@
 from setuptools import setup
-setup(name='thing', version='1.0', packages=['thing'])
+setup(name='thing', version='1.0', packages=['thing'], py_modules=['newer'],
+      entry_points={'console_scripts': ['newer = newer:main']})
"""


def test_what_a_patch_adds_to_the_install_is_there(
    backend: DockerBackend, built: BuiltInstance
) -> None:
    command = "cd / && python -c 'import newer, thing; newer.main()' && newer"
    result = backend.run_tests(built, RunSpec(command=command, patches=(NEWER,)))
    assert result.output.decode().splitlines() == ["/testbed/newer.py"] * 2
    result = backend.run_tests(built, RunSpec(command=command))
    assert "ModuleNotFoundError" in result.output.decode()
    script = render_eval_script(test_patch=b"", test_command=command)
    coded = [base64.b64encode(it).decode() for it in (NEWER, script.encode())]
    shown = _inside(
        built, f"echo {coded[0]} | base64 -d | git apply && echo {coded[1]} | base64 -d | bash"
    )
    assert shown.splitlines()[1:-1] == ["/testbed/newer.py"] * 2


def test_second_build_finds_everything(
    backend: DockerBackend, spec: InstanceSpec, built: BuiltInstance
) -> None:
    again = expect(BuiltInstance, backend.build_instance(spec))
    assert again.digest == built.digest
    assert again.environment_seconds == 0


def test_threads_share_one_environment(
    backend: DockerBackend, spec: InstanceSpec, built: BuiltInstance
) -> None:
    lock = replace(spec.lock, text="six==1.15.0\n")
    specs = [replace(spec, name=f"owner__thing-{number}", lock=lock) for number in (2, 3)]
    with ThreadPoolExecutor(2) as pool:
        results = [expect(BuiltInstance, made) for made in pool.map(backend.build_instance, specs)]
    try:
        assert len({result.environment_key for result in results}) == 1
        assert results[0].environment_key != built.environment_key
    finally:
        for result in results:
            connect_to_engine().images.remove(result.handle, noprune=True)
        connect_to_engine().images.remove(f"curate/env:{results[0].environment_key}")


def _commit(folder: Path, message: str, link: str = "") -> str:
    """Commit all of *folder*, and *link* as the submodule `library`."""
    steps = [["add", "-A"]]
    steps += [["update-index", "--add", "--cacheinfo", f"160000,{link},library"]] if link else []
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.test"]
    for step in (*steps, [*identity, "commit", "-qm", message]):
        subprocess.run(["git", *step], cwd=folder, check=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True)
    return head.strip()


@pytest.fixture
def neighbours(spec: InstanceSpec, tmp_path: Path) -> tuple[InstanceSpec, InstanceSpec]:
    """Two specs; the later adds a file, and its submodule, too."""
    mirror, library = spec.mirror, tmp_path / "library"
    subprocess.run(["git", "init", "-q", library], check=True)
    commits, links = [], []
    for big, small in (("big", "early.py"), ("", "later.py")):
        for folder in (library, mirror / "thing"):
            if big:
                (folder / big).write_bytes(os.urandom(1 << 20))
            (folder / small).write_text("LATER = 1\n")
        links.append(_commit(library, small))
        commits.append(_commit(mirror, small, links[-1]))
    early = replace(
        spec,
        name="owner__thing-20",
        base_commit=commits[0],
        checkout_layer_commit=commits[0],
        submodules={"library": library},
    )
    moved = {"library": (links[0], links[1])}
    return early, replace(
        early, name="owner__thing-21", base_commit=commits[1], moved_submodules=moved
    )


def test_neighbours_share_a_tree_and_its_submodules(
    backend: DockerBackend, neighbours: tuple[InstanceSpec, InstanceSpec]
) -> None:
    first, second = (backend.build_instance(each) for each in neighbours)
    try:
        assert isinstance(first, BuiltInstance), first
        assert isinstance(second, BuiltInstance), second
        assert first.dockerfiles["checkout"] == second.dockerfiles["checkout"]
        assert first.layer_bytes["checkout"] > 2 << 20
        assert second.layer_bytes["instance"] < 1 << 19
        assert _inside(second, "git status --porcelain") == ""
        assert _inside(second, "git rev-parse HEAD") == neighbours[1].base_commit
        link = neighbours[1].moved_submodules["library"][1]
        assert _inside(second, "cd library && git rev-parse HEAD && git status -s") == link
        assert _inside(second, "ls library").split() == ["big", "early.py", "later.py"]
        assert _inside(second, "python -c 'import thing.later; print(thing.later.LATER)'") == "1"
        assert _inside(first, "ls library").split() == ["big", "early.py"]
        assert _inside(second, "find . ! -user 1000") == ""
    finally:
        for result in (first, second):
            if isinstance(result, BuiltInstance):
                connect_to_engine().images.remove(result.handle, noprune=True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"install": ("echo so it ends", "exit 4")}, ("install", "install-failed")),
        ({"import_name": "six"}, ("install", "not-imported")),
        ({"system_packages": ("no-such-package",)}, ("build", "environment-failed")),
        ({"python": "3.4"}, ("build", "no-interpreter")),
    ],
)
def test_command_that_fails_is_a_value(
    backend: DockerBackend, spec: InstanceSpec, change: dict[str, Any], expected: tuple[str, ...]
) -> None:
    failure = backend.build_instance(replace(spec, **change))
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == expected
    assert failure.detail


def test_full_disk_is_an_exception(settings: BuildSettings, spec: InstanceSpec) -> None:
    backend = DockerBackend(replace(settings, min_free_disk_bytes=1 << 60))
    with pytest.raises(DiskFullError):
        backend.build_instance(replace(spec, name="owner__thing-9"))


def test_probe_passes_over_clients_without_buildkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "docker"
    deaf.write_text("#!/bin/sh\n[ $1 = --version ] && echo Docker version 28.2.2 || exit 1\n")
    deaf.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    find_build_client.cache_clear()
    assert find_build_client().command[0] != str(deaf)
    find_build_client.cache_clear()
