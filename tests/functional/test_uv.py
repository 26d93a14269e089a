"""uv as a process: what it gets from its surroundings, and what it leaves."""

import sys
from pathlib import Path

from curate.builders.lock.uv import make_uv_environment, prune_uv_cache, run_uv
from curate.builders.settings import BuildSettings
from tests.doubles.packages import package_index, sdist, wheel


def test_surroundings_do_not_change_a_resolution(tmp_path: Path) -> None:
    outer = {"PATH": "/bin", "UV_INDEX": "x", "UV_EXCLUDE_NEWER": "1", "UV_OFFLINE": "1"}
    settings = BuildSettings(
        cache_dir=tmp_path, ca_bundle=Path("/ca"), index_url="https://i/simple"
    )
    inner = make_uv_environment(settings, outer)
    assert not {"UV_INDEX", "UV_EXCLUDE_NEWER"} & set(inner)
    assert (inner["UV_OFFLINE"], inner["SSL_CERT_FILE"]) == ("1", "/ca")
    assert inner["UV_DEFAULT_INDEX"] == "https://i/simple"
    assert inner["UV_CACHE_DIR"] == str(tmp_path / "uv")


def test_sources_that_were_unpacked_go_and_come_back(tmp_path: Path) -> None:
    def compiled() -> tuple[int | None, list[str]]:
        arguments = ["pip", "compile", "r.in", "--python", sys.executable]
        with run_uv(arguments, settings, {"r.in": "ext\n"}) as (attempt, _):
            return attempt.code, [line for line in attempt.output.splitlines() if "==" in line]

    def unpacked() -> int:
        return len(list(tmp_path.glob("cache/uv/sdists-*/**/maker.py")))

    with package_index(sdist("ext", "1.0", "helper"), wheel("helper", "1.0")) as url:
        settings = BuildSettings(cache_dir=tmp_path / "cache", index_url=url)
        assert prune_uv_cache(settings, tmp_path) == 0
        assert (compiled(), unpacked()) == ((0, ["ext==1.0"]), 1)
        prune_uv_cache(settings, Path("/proc"))
        assert unpacked() == 1
        prune_uv_cache(settings, tmp_path)
        assert unpacked() == 0
        assert (compiled(), unpacked()) == ((0, ["ext==1.0"]), 1)
