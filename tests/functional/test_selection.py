"""What is selected, asked of a real pytest."""

import shlex
import subprocess
import sys
from pathlib import Path

from curate.environments.test_selection import select_tests
from curate.recipes import Recipe

RECIPE = Recipe.model_validate(
    {
        "repo": "o/n",
        "data_driven_tests": {
            "files": ["data/*.test"],
            "pattern": r"^\[case ([a-zA-Z0-9_]+)",
            "test_command": 'pytest -k "{keywords}" suite',
        },
    }
)
PATCH = b"""\
diff --git a/data/x.test b/data/x.test
--- a/data/x.test
+++ b/data/x.test
@@ -1 +1 @@
-x
+y
"""


def test_pytest_itself_takes_thousands_of_cases(tmp_path: Path) -> None:
    blocks = b"".join(b"[case testC%d]\n" % number for number in range(3000))
    chosen = select_tests(RECIPE, PATCH, before=lambda _: b"", after=lambda _: blocks)
    (tmp_path / "test_it.py").write_text("def testC2999(): pass\ndef testX(): pass\n")
    command = shlex.split(chosen.build_command(RECIPE.env[0], RECIPE.data_driven_tests))[1:-1]
    run = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    pytest = [sys.executable, "-m", "pytest", *command, *run]
    done = subprocess.run(pytest, capture_output=True, check=False)
    assert b"1 passed, 1 deselected" in done.stdout, done.stdout.decode()
