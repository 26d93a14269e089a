"""A release under PyPI's `swebench eval`, unmodified, with real containers."""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clients import client_program, require_client
from tests.helpers.swebench import BREAKING, evaluate, predicted

pytestmark = [pytest.mark.xdist_group("builds"), require_client("swebench")]
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


def test_every_gold_patch_resolves(
    tmp_path: Path, parquet: Path, rows: dict[str, dict[str, Any]]
) -> None:
    swebench = client_program("swebench", "swebench")
    report = evaluate(swebench, tmp_path, parquet, "--gold", jobs=3)
    assert sorted(report["resolved_ids"]) == sorted(rows)
    tests = [name for row in rows.values() for name in row["fail_to_pass_node_ids"]]
    assert any(" " in name for name in tests)
    assert any("\\" in name for name in tests)  # pytest escapes what is not ASCII


def test_nothing_else_resolves(
    tmp_path: Path, parquet: Path, rows: dict[str, dict[str, Any]]
) -> None:
    swebench = client_program("swebench", "swebench")
    worse, *others = sorted(rows.values(), key=lambda row: not row["PASS_TO_PASS"])
    broken = worse["patch"] + BREAKING.format(broken=worse["pass_to_pass_node_ids"][0])
    empty, cheating = (row["instance_id"] for row in others)
    patches = {worse["instance_id"]: broken, empty: "", cheating: CHEATING}
    report = evaluate(swebench, tmp_path, parquet, "-p", predicted(tmp_path, patches))
    assert report["resolved_ids"] == []
    assert sorted(report["unresolved_ids"]) == sorted([worse["instance_id"], cheating])
    assert report["empty_patch_ids"] == [empty]
