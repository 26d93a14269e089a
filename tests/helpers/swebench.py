"""Driving PyPI's `swebench eval`, unmodified, and patches that it must not resolve."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BREAKING = """\
diff --git a/pytest.ini b/pytest.ini
new file mode 100644
--- /dev/null
+++ b/pytest.ini
@@ -0,0 +1,2 @@
+[pytest]
+addopts = --deselect "{broken}"
"""


def evaluate(
    swebench: str, folder: Path, parquet: Path, *arguments: str, jobs: int = 2
) -> Mapping[str, Any]:
    """The report of `swebench eval` over all rows of *parquet*, run in the empty *folder*."""
    command = [swebench, "eval", str(parquet), "--split", "train", "-j", str(jobs), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = folder.glob("*.json")
    answer: Mapping[str, Any] = json.loads(report.read_text())
    return answer


def predicted(folder: Path, patches: Mapping[str, str]) -> str:
    """Path of a file of predictions: model patches by instance id."""
    path = folder / "predictions.jsonl"
    lines = [
        {"instance_id": name, "model_name_or_path": "test", "model_patch": patch}
        for name, patch in patches.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)
