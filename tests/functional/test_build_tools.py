"""Locks and environments with source distributions that only old build tools build, by real uv."""

import gzip
import io
import sys
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.errors import BuilderError
from curate.builders.lock.archives import list_archives, unpacked_folder
from curate.builders.lock.resolve import compile_lock
from curate.builders.model import BuiltInstance, Failure, RequirementsLock
from curate.builders.requirements import Manifest, Requirement
from curate.builders.settings import BuildSettings
from tests.doubles.packages import package_index, sdist, wheel
from tests.helpers.instance_spec import make_instance_spec

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CUTOFF = datetime(2022, 1, 1, tzinfo=UTC)
SITE = 'python -c "import site; print(site.getsitepackages()[0])"'

# Tool 1 is of the day of `ext`, tool 2 of before the lock, tool 3 of after it.
TOOLS = wheel("tool", "1"), wheel("tool", "2"), wheel("tool", "3")
DAYS = {
    "tool-1-py3-none-any.whl": "2019-12-01",
    "tool-2-py3-none-any.whl": "2021-06-01",
    "tool-3-py3-none-any.whl": "2022-06-01",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildSettings:
    prefix = tmp_path / "pythons" / f"{PYTHON}.0"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr("curate.builders.backends.local.SEED_OPTIONS", ())
    return BuildSettings(cache_dir=tmp_path / "cache", python_install_dir=tmp_path / "pythons")


def resolve(settings: BuildSettings, *lines: str) -> RequirementsLock | Failure:
    items = [
        Requirement(line=line, name=line.split(">")[0], origin="r", is_core=True)
        for line in (*lines, "pytest")
    ]
    manifest = Manifest(requirements=tuple(items))
    return compile_lock(manifest, python=PYTHON, cutoff=CUTOFF, settings=settings)


def build(settings: BuildSettings, lock: RequirementsLock, folder: Path) -> BuiltInstance | Failure:
    files = {"thing/__init__.py": ""}
    install = (f'pwd > "$({SITE})/thing.pth"',)
    spec = make_instance_spec(folder, files, "", PYTHON, install=install)
    return LocalBackend(settings).build_instance(replace(spec, lock=lock))


def built_with(built: BuiltInstance | Failure) -> str:
    assert isinstance(built, BuiltInstance), built
    (module,) = Path(built.handle).glob("venv/lib/*/site-packages/ext.py")
    return module.read_text().partition(" = ")[2].strip()


READ = (
    "read the requirements of ext 1.0 with build tools of {}: those of 2022-01-01 do not build it"
)
BUILT = "built ext 1.0 with build tools of {}: those of its own date did not build it"


@pytest.mark.parametrize(
    ("tool", "read", "built"),
    [
        ("1", [READ.format("2020-01-02")], []),
        ("2", [], [BUILT.format("2022-01-01")]),
        ("3", [READ.format("2023-01-15")], [BUILT.format("2023-01-15")]),
    ],
)
def test_build_tools_of_the_day_of_the_release_come_before_later_ones(
    settings: BuildSettings, tmp_path: Path, tool: str, read: list[str], built: list[str]
) -> None:
    ext = sdist("ext", "1.0", "tool", check=f"there['tool'] == {tool!r}")
    with package_index(ext, *TOOLS, wheel("pytest", "6.0"), uploaded=DAYS) as url:
        served = replace(settings, index_url=url)
        lock = resolve(served, "ext")
        assert isinstance(lock, RequirementsLock), lock
        assert list(lock.adjustments) == read
        assert lock.sdists == {"ext==1.0": datetime(2020, 1, 1, tzinfo=UTC)}
        instance = build(served, lock, tmp_path / "mirror")
    assert built_with(instance) == f"{{'tool': {tool!r}}}"
    assert isinstance(instance, BuiltInstance)
    assert list(instance.build_notes) == built


def test_what_another_lock_has_built_changes_nothing(
    settings: BuildSettings, tmp_path: Path
) -> None:
    """A wheel of later tools is in uv's cache when the release is built as of its own date."""
    index = sdist("ext", "1.0", "tool"), *TOOLS, wheel("pytest", "6.0")
    with package_index(*index, uploaded=DAYS) as url:
        served = replace(settings, index_url=url)
        lock = resolve(served, "ext")
        assert isinstance(lock, RequirementsLock)
        later = replace(lock, sdists={"ext==1.0": datetime(2022, 7, 1, tzinfo=UTC)})
        for one, tool in ((later, "3"), (replace(lock, python=PYTHON), "1")):
            moved = replace(one, exclude_newer=datetime(2022, 7, int(tool), tzinfo=UTC))
            assert (
                built_with(build(served, moved, tmp_path / f"m{tool}")) == f"{{'tool': '{tool}'}}"
            )


def test_a_setup_script_that_imports_what_it_does_not_ask_for(
    settings: BuildSettings, tmp_path: Path
) -> None:
    ext = sdist("ext", "1.0", "tool", check="'helper' in there")
    lock = RequirementsLock(
        text="ext==1.0\nhelper==1.0\n",
        python=PYTHON,
        exclude_newer=CUTOFF,
        sdists={"ext==1.0": datetime(2020, 1, 1, tzinfo=UTC)},
    )
    with package_index(ext, *TOOLS, wheel("helper", "1.0"), uploaded=DAYS) as url:
        instance = build(replace(settings, index_url=url), lock, tmp_path / "mirror")
    assert isinstance(instance, BuiltInstance), instance
    assert instance.build_notes == (
        "built ext 1.0 in the environment itself: no isolated build worked",
    )


def test_a_release_that_no_tool_builds_is_a_value(settings: BuildSettings, tmp_path: Path) -> None:
    ext = sdist("ext", "1.0", "tool", check="False")
    with package_index(ext, *TOOLS, wheel("pytest", "6.0"), uploaded=DAYS) as url:
        served = replace(settings, index_url=url)
        failure = resolve(served, "ext")
        assert isinstance(failure, Failure)
        assert (failure.stage, failure.reason) == ("lock", "unbuildable")
        lock = RequirementsLock(
            text="ext==1.0\n", python=PYTHON, exclude_newer=CUTOFF, sdists={"ext==1.0": CUTOFF}
        )
        failed = build(served, lock, tmp_path / "mirror")
    assert isinstance(failed, Failure)
    assert (failed.stage, failed.reason) == ("build", "environment-failed")
    assert "Failed to build `ext==1.0`" in failed.detail


@pytest.mark.parametrize("suffix", ["tar.bz2", "tar.xz"])
def test_an_archive_that_uv_does_not_read_is_repacked(
    settings: BuildSettings, tmp_path: Path, suffix: str
) -> None:
    releases = [sdist("ext", it, "tool", suffix=suffix) for it in ("1.0", "2.0", "3.0")]
    days = DAYS | {f"ext-3.0.{suffix}": "2023-01-01"}
    with package_index(*releases, *TOOLS, wheel("pytest", "6.0"), uploaded=days) as url:
        served = replace(settings, index_url=url)
        lock = resolve(served, "ext>=1")
        assert isinstance(lock, RequirementsLock), lock
        (archive,) = lock.archives
        assert (archive.version, archive.filename) == ("2.0", f"ext-2.0.{suffix}")
        assert "ext==2.0" in lock.packages, "the newest as of the cutoff"
        assert lock.sdists == {"ext==2.0": archive.uploaded}
        assert lock.adjustments == (
            f"repacked ext-2.0.{suffix} (sha256 {archive.sha256}) as .tar.gz:"
            " ext 2.0 has no archive that uv reads",
        )
        assert built_with(build(served, lock, tmp_path / "mirror")) == "{'tool': '1'}"
        first, second = (
            next(unpacked_folder(archive, replace(served, cache_dir=tmp_path / it)).iterdir())
            for it in ("one", "other")
        )
        assert first.read_bytes() == second.read_bytes()
        assert b"maker.py" in gzip.decompress(first.read_bytes())


def test_an_archive_with_headers_that_uv_does_not_read_is_written_anew(
    settings: BuildSettings, tmp_path: Path
) -> None:
    """Old programs filled numbers up with blanks."""
    name, packed = sdist("ext", "1.0", "tool")
    content = bytearray(gzip.decompress(packed))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            assert content[member.offset + 148] == ord("0")
            content[member.offset + 148] = ord(" ")
    old = name, gzip.compress(bytes(content))
    with package_index(old, *TOOLS, wheel("pytest", "6.0"), uploaded=DAYS) as url:
        served = replace(settings, index_url=url)
        lock = resolve(served, "ext")
        assert isinstance(lock, RequirementsLock), lock
        assert [it.filename for it in lock.archives] == [name]
        assert built_with(build(served, lock, tmp_path / "mirror")) == "{'tool': '1'}"


@pytest.mark.parametrize(("line", "version"), [("ext", "2.0"), ("ext<2", "1.0")])
def test_an_older_release_that_uv_reads_does_not_replace_a_newer_one(
    settings: BuildSettings, line: str, version: str
) -> None:
    older = sdist("ext", "1.0", "tool")
    newer = sdist("ext", "2.0", "tool", suffix="tar.bz2")
    with package_index(older, newer, *TOOLS, wheel("pytest", "6.0"), uploaded=DAYS) as url:
        served = replace(settings, index_url=url)
        items = [
            Requirement(line=it, name=it[:3] if it[0] == "e" else it, origin="r", is_core=True)
            for it in (line, "pytest")
        ]
        manifest = Manifest(requirements=tuple(items))
        lock = compile_lock(manifest, python=PYTHON, cutoff=CUTOFF, settings=served)
    assert isinstance(lock, RequirementsLock), lock
    assert f"ext=={version}" in lock.packages
    assert [it.split(" ")[1] for it in lock.adjustments] == ["ext-2.0.tar.bz2"] * (version == "2.0")


def test_a_declared_bound_decides_which_archive_is_repacked(settings: BuildSettings) -> None:
    releases = [sdist("ext", it, "tool", suffix="tar.bz2") for it in ("1.0", "2.0")]
    with package_index(*releases, *TOOLS, wheel("pytest", "6.0"), uploaded=DAYS) as url:
        lock = resolve(replace(settings, index_url=url), "ext>=1,<2")
    assert isinstance(lock, RequirementsLock), lock
    assert "ext==1.0" in lock.packages


def test_an_archive_is_not_repacked_if_its_release_has_one_that_uv_reads(
    settings: BuildSettings,
) -> None:
    both = sdist("ext", "1.0", "tool"), sdist("ext", "1.0", "tool", suffix="tar.bz2")
    with package_index(*both) as url:
        assert list_archives("ext", replace(settings, index_url=url)) == []


def test_another_file_than_that_of_the_lock_is_an_error(
    settings: BuildSettings, tmp_path: Path
) -> None:
    with package_index(sdist("ext", "1.0", "tool", suffix="tar.bz2")) as url:
        served = replace(settings, index_url=url)
        (archive,) = list_archives("ext", served)
        with pytest.raises(BuilderError, match="SHA-256 differs"):
            unpacked_folder(replace(archive, sha256="0" * 64), served)
    assert not list(tmp_path.glob("cache/archives/*/*"))


def test_an_index_that_does_not_respond_is_an_error_without_its_password(
    settings: BuildSettings,
) -> None:
    unreachable = replace(settings, index_url="http://me:secret@127.0.0.1:9/simple")
    with pytest.raises(BuilderError) as caught:
        list_archives("ext", unreachable)
    assert "secret" not in str(caught.value)
