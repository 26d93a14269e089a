"""A release of the sample project under PyPI's `swebench eval`, unmodified, with real containers.

CURATE_SWEBENCH names the `swebench` command (5.0 or newer), CURATE_TEST_REGISTRY a registry.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pyarrow.parquet as pq
import pytest

from tests.demo.stage import Stage, prepared
from tests.helpers.image_tags import list_tags
from tests.helpers.swebench import BREAKING, evaluate, predicted

SWEBENCH = os.environ.get("CURATE_SWEBENCH", "")
REGISTRY = os.environ.get("CURATE_TEST_REGISTRY", "")
pytestmark = [
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(not SWEBENCH, reason="CURATE_SWEBENCH names no swebench"),
]
NAMES = [f"curate-samples__tidytable-{number}" for number in (4, 6, 22)]
CHEATING = """\
diff --git a/conftest.py b/conftest.py
new file mode 100644
--- /dev/null
+++ b/conftest.py
@@ -0,0 +1,5 @@
+import pytest
+@pytest.hookimpl(hookwrapper=True)
+def pytest_runtest_makereport(item, call):
+    report = (yield).get_result()
+    report.outcome = "passed"
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The sample project, validated in containers and released with its images."""
    with prepared(tmp_path_factory.mktemp("swebench") / "demo") as stage:
        mirror = str(stage.mirror)
        stage.curate(
            "crawl", stage.sample.name, "--github-api-url", stage.api_url, "--mirror", mirror
        )
        stage.curate("validate", "--sandbox", "docker", "-j", "2", "--no-test-strength", *NAMES)
        registry = f"{REGISTRY}/eval-{secrets.token_hex(4)}"
        stage.curate("publish", "--output", str(stage.release), "--registry", registry)
        yield stage
        engine = docker.from_env()
        for tag in list_tags(engine):
            if tag.startswith(f"{registry}/"):  # pulled by the tool
                engine.images.remove(tag, noprune=True)


@pytest.fixture(scope="module")
def parquet(stage: Stage) -> Path:
    return next(stage.release.rglob("train*.parquet"))


@pytest.fixture(scope="module")
def rows(parquet: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(parquet).to_pylist())


def test_every_gold_patch_resolves(
    tmp_path: Path, parquet: Path, rows: list[dict[str, Any]]
) -> None:
    report = evaluate(SWEBENCH, tmp_path, parquet, "--gold", jobs=3)
    assert sorted(report["resolved_ids"]) == sorted(NAMES)
    tests = [name for row in rows for name in row["fail_to_pass_node_ids"]]
    assert any(" " in name for name in tests)
    assert any("\\" in name for name in tests)  # pytest escapes what is not ASCII


def test_nothing_else_resolves(tmp_path: Path, parquet: Path, rows: list[dict[str, Any]]) -> None:
    worse, *others = sorted(rows, key=lambda row: not row["PASS_TO_PASS"])
    broken = worse["patch"] + BREAKING.format(broken=worse["pass_to_pass_node_ids"][0])
    empty, cheating = (row["instance_id"] for row in others)
    patches = {worse["instance_id"]: broken, empty: "", cheating: CHEATING}
    report = evaluate(SWEBENCH, tmp_path, parquet, "-p", predicted(tmp_path, patches))
    assert report["resolved_ids"] == []
    assert sorted(report["unresolved_ids"]) == sorted([worse["instance_id"], cheating])
    assert report["empty_patch_ids"] == [empty]
