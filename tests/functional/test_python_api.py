"""The interface for Python, the sample release and the notebook, on what the demo leaves."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from curate.publish.check import check_release_folder
from curate.publish.filters.config import read_filters
from tests.demo.sample_release import SAMPLE_RELEASE
from tests.helpers import notebook
from tests.helpers.demo_place import DemoPlace, make_demo_place

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
NAME = "curate-samples__tidytable-2"
REDO = "data/sample-release is not what the demo writes: make sample"

pytestmark = [pytest.mark.xdist_group("python-api"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> DemoPlace:
    """A directory as `make demo` leaves it, and the sample release made anew."""
    return make_demo_place(tmp_path_factory.mktemp("demo place"))


def test_the_sample_release_is_what_the_demo_writes(place: DemoPlace) -> None:
    files = {
        path.relative_to(place.remade).as_posix(): path
        for path in place.remade.rglob("*")
        if path.is_file()
    }
    kept = [it for it in SAMPLE_RELEASE.rglob("*") if it.is_file()]
    assert sorted(files) == sorted(it.relative_to(SAMPLE_RELEASE).as_posix() for it in kept), REDO
    for name, path in files.items():
        old = SAMPLE_RELEASE / name
        if path.suffix != ".parquet":
            assert name == "SHA256SUMS" or path.read_bytes() == old.read_bytes(), f"{REDO}: {name}"
            continue
        assert pq.read_table(path).equals(pq.read_table(old)), f"{REDO}: {name}"
        if pq.read_metadata(path).created_by == pq.read_metadata(old).created_by:
            assert path.read_bytes() == old.read_bytes(), f"{REDO}: {name}"


def test_the_sample_release_is_whole_and_small() -> None:
    problems = check_release_folder(SAMPLE_RELEASE, read_filters("default"))
    assert [str(it) for it in problems if it.blocks_push] == []
    assert sum(it.stat().st_size for it in SAMPLE_RELEASE.rglob("*")) < 220_000
    text = "".join(map(str, curate.load_release(SAMPLE_RELEASE)))
    assert not re.search(r"/(?:home|root|Users|work)/|/tmp/[a-z-]+/", text)


def test_the_examples_of_the_page_print_what_it_shows(
    place: DemoPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE.read_text(), re.S)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for code, shown in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), names)
        assert mask(printed.getvalue()) == mask(shown)


def mask(text: str) -> str:
    """Leave out seconds."""
    return re.sub(r"in [\d.]+s", "in … s", text)


def test_all_graded_by_the_command_that_the_readme_names(place: DemoPlace) -> None:
    command = ["evaluate", "gold", "--dataset", "data/sample-release", "--sandbox", "local"]
    done = subprocess.run(
        [sys.executable, "-m", "curate", "--data-dir", ".cache/demo/data", *command],
        cwd=place.folder,
        env={**os.environ, **place.variables, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "8 graded: 8 resolved" in done.stderr + done.stdout) == (0, True), done


def test_a_release_of_another_machine_needs_a_build_of_this_one(
    place: DemoPlace, tmp_path: Path
) -> None:
    settings = curate.Settings(data_dir=tmp_path / "data")
    (report,) = curate.evaluate("gold", dataset=SAMPLE_RELEASE, sandbox="local", settings=settings)
    assert len(report.errors) == 8 and not report.reasons
    assert f"curate validate {NAME} --sandbox local" in report.errors[NAME]
    with pytest.raises(curate.CurateError) as raised:
        curate.make(SAMPLE_RELEASE, NAME, sandbox="local", settings=settings)
    assert (raised.value.exit_code, type(raised.value).__name__) == (3, "EngineError")
    assert "curate validate" in raised.value.hint


def test_reading_a_store_changes_nothing(place: DemoPlace) -> None:
    def look() -> dict[str, tuple[int, int]]:
        found = (place.folder / ".cache/demo/data").rglob("*")
        sqlite = ("-shm", "-wal")
        return {
            str(it): (it.stat().st_mtime_ns, it.stat().st_size)
            for it in found
            if it.is_file() and not it.name.endswith(sqlite)
        }

    before = look()
    with curate.Store(place.folder / ".cache/demo/data") as store:
        assert [it.instance_id for it, _ in store.verified()] == [
            it.instance_id for it in store.pulls(state="verified")
        ]
        assert len(list(store.candidates())) == len(list(store.validations())) == 10
        assert store.funnel("no/such").pulls == 0
        assert store.candidate(NAME).patch.startswith(b"diff --git")
        assert store.validation(NAME) == next(store.validations())
        assert store.build_logs(NAME) == ()
    assert look() == before


def test_the_tour_prints_what_it_shows(place: DemoPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    saved = nbformat.read(notebook.NOTEBOOK, 4)
    assert sum(len(text) for text in notebook.read_outputs(saved)) > 1000
    assert notebook.read_outputs(notebook.run_notebook(place.folder)) == notebook.read_outputs(
        saved
    )
    pictures = [it for cell in saved.cells for it in cell.get("outputs", ()) if "data" in it]
    assert not pictures and notebook.NOTEBOOK.stat().st_size < 30_000
