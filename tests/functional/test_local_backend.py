"""The local backend with real git and real uv, without network: a project that needs nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.errors import DiskFullError
from curate.builders.lock.build_constraints import build_constraint
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock
from curate.builders.process.run import LOG_TAIL
from curate.builders.settings import BuildSettings
from tests.doubles.packages import package_index, sdist, wheel
from tests.helpers.fakes import expect, fake
from tests.helpers.instance_spec import DATE, make_instance_spec

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
# An editable install without any build tool, so that no index is asked.
SITE = 'python -c "import site; print(site.getsitepackages()[0])"'
INSTALL = (f'pwd > "$({SITE})/thing.pth"',)


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    """A folder of interpreters with the one that runs this test."""
    prefix = tmp_path / "pythons" / f"{PYTHON}.0"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    return BuildSettings(cache_dir=tmp_path / "cache", python_install_dir=tmp_path / "pythons")


@pytest.fixture
def backend(settings: BuildSettings, monkeypatch: pytest.MonkeyPatch) -> LocalBackend:
    monkeypatch.setattr("curate.builders.backends.local.SEED_OPTIONS", ())
    return LocalBackend(settings)


@pytest.fixture
def spec(tmp_path: Path) -> InstanceSpec:
    files = {"thing/__init__.py": "WORD = 'found'\n"}
    return make_instance_spec(tmp_path / "mirror", files, "", PYTHON, install=INSTALL)


def _modified(built: BuiltInstance) -> int:
    return (Path(built.handle) / "ready").stat().st_mtime_ns


def test_instance_has_a_checkout_and_an_interpreter_that_imports_it(
    backend: LocalBackend, spec: InstanceSpec
) -> None:
    built = backend.build_instance(spec)
    assert isinstance(built, BuiltInstance), built
    done = subprocess.run(
        [
            f"{built.handle}/venv/bin/python",
            "-c",
            "import thing; print(thing.WORD, thing.__file__)",
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["found", f"{built.handle}/checkout/thing/__init__.py"]
    assert built.backend == "local"
    assert built.layer_bytes["instance"] > 0


def test_second_build_reuses_the_first(backend: LocalBackend, spec: InstanceSpec) -> None:
    first = backend.build_instance(spec)
    assert isinstance(first, BuiltInstance)
    second = backend.build_instance(spec)
    assert isinstance(second, BuiltInstance)
    assert (second.handle, second.environment_key) == (first.handle, first.environment_key)
    assert second.environment_seconds == 0
    assert _modified(first) == _modified(second)


def test_interrupted_instance_is_made_anew(backend: LocalBackend, spec: InstanceSpec) -> None:
    built = backend.build_instance(spec)
    assert isinstance(built, BuiltInstance)
    (Path(built.handle) / "ready").unlink()
    (Path(built.handle) / "checkout" / "thing" / "__init__.py").unlink()
    again = backend.build_instance(spec)
    assert isinstance(again, BuiltInstance)
    assert (Path(again.handle) / "checkout" / "thing" / "__init__.py").exists()


def test_threads_build_an_environment_once(
    backend: LocalBackend, spec: InstanceSpec, settings: BuildSettings
) -> None:
    specs = [replace(spec, name=f"owner__thing-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = [expect(BuiltInstance, made) for made in pool.map(backend.build_instance, specs)]
    assert len({built.handle for built in results}) == 4
    assert len({built.environment_key for built in results}) == 1
    assert len(list((settings.cache_dir / "environments").iterdir())) == 1
    assert sum(built.environment_seconds > 0 for built in results) == 1


def test_failing_install_is_a_value_with_the_log(backend: LocalBackend, spec: InstanceSpec) -> None:
    failure = backend.build_instance(replace(spec, install=("echo so it ends", "exit 4")))
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == ("install", "install-failed")
    assert "so it ends" in failure.detail


def test_the_log_of_a_failing_install_is_whole(backend: LocalBackend, spec: InstanceSpec) -> None:
    lines = f"python -c 'for n in range(9999): print(n)'; echo {'x' * LOG_TAIL}; exit 3"
    failure = backend.build_instance(replace(spec, install=(lines,)))
    assert isinstance(failure, Failure)
    assert "\n17\n" in failure.log
    assert "\n17\n" not in failure.detail


def test_package_that_is_not_imported_from_the_checkout_fails(
    backend: LocalBackend, spec: InstanceSpec
) -> None:
    failure = backend.build_instance(replace(spec, install=("true",)))
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == ("install", "not-imported")


def test_unknown_interpreter_is_a_value(backend: LocalBackend, spec: InstanceSpec) -> None:
    failure = backend.build_instance(replace(spec, python="3.4"))
    assert isinstance(failure, Failure)
    assert failure.reason == "no-interpreter"


def test_full_disk_is_an_exception(settings: BuildSettings, spec: InstanceSpec) -> None:
    with pytest.raises(DiskFullError, match="reserved"):
        LocalBackend(replace(settings, min_free_disk_bytes=1 << 60)).build_instance(spec)


def test_variables_of_this_shell_do_not_reach_the_install(
    backend: LocalBackend, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    install = ('test -z "${PIP_FIND_LINKS:-}${PYTHONPATH:-}"', *INSTALL)
    assert isinstance(backend.build_instance(replace(spec, install=install)), BuiltInstance)


@pytest.mark.parametrize(("requires", "taken"), [("numpy", "1.0"), ("numpy>1", "2.0")])
def test_extensions_are_built_against_the_oldest_numpy_they_can(
    backend: LocalBackend, settings: BuildSettings, spec: InstanceSpec, requires: str, taken: str
) -> None:
    lock = RequirementsLock(text="ext==1.0\nnumpy==1.0\n", python=PYTHON, exclude_newer=DATE)
    releases = sdist("ext", "1.0", requires), wheel("numpy", "1.0"), wheel("numpy", "2.0")
    with package_index(*releases) as url:
        built = LocalBackend(replace(settings, index_url=url)).build_instance(
            replace(spec, lock=lock)
        )
    assert isinstance(built, BuiltInstance), built
    (module,) = Path(built.handle).glob("venv/lib/*/site-packages/ext.py")
    expected = taken if build_constraint(lock) else "2.0"
    assert module.read_text() == f"BUILT_WITH = {{'numpy': {expected!r}}}\n"


def test_an_environment_that_no_numpy_helps_is_a_value(
    backend: LocalBackend, settings: BuildSettings, spec: InstanceSpec
) -> None:
    lock = RequirementsLock(text="ext==1.0\nnumpy==1.0\n", python=PYTHON, exclude_newer=DATE)
    with package_index(sdist("ext", "1.0", "numpy>2"), wheel("numpy", "1.0")) as url:
        failure = LocalBackend(replace(settings, index_url=url)).build_instance(
            replace(spec, lock=lock)
        )
        assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == ("build", "environment-failed")
    assert "numpy>2" in failure.detail


def test_what_resolving_left_goes_before_a_disk_is_full(
    backend: LocalBackend, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = fake(free=0)

    def trim(settings: BuildSettings, folder: Path) -> int:
        disk.free = 1 << 60
        return 1

    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    monkeypatch.setattr("curate.builders.backends.local.prune_uv_cache", trim)
    assert isinstance(backend.build_instance(spec), BuiltInstance)
