"""The README's first commands in a fresh clone, as a user who has Python, git and make alone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_CA", "CURL_CA")  # how this machine reaches the index


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_the_first_commands_of_the_readme(tmp_path: Path) -> None:
    clone = tmp_path / "a clone" / "curate"
    git = ["git", "clone", "--quiet", "--no-local", str(ROOT), str(clone)]
    subprocess.run(git, check=True)
    (tmp_path / "home").mkdir()
    places = {str(Path(shutil.which(name) or name).parent) for name in ("git", "make", "sh")}
    variables = {
        **{name: value for name, value in os.environ.items() if name.startswith(KEPT)},
        "HOME": str(tmp_path / "home"),
        "PATH": os.pathsep.join(sorted(places)),
        "LANG": "C",
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=clone,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    base = os.path.realpath(sys.executable)
    said = run("make", "demo", f"PYTHON={base}", "DEMO_ARGS=--sandbox local")
    assert "Everything came out as data/sample expects" in said
    readme = (clone / "README.md").read_text(encoding="utf-8")
    (grading,) = re.findall(r"`(curate [^`]*evaluate gold[^`]*)`", readme)
    assert "8 graded: 8 resolved" in run(*f".venv/bin/{grading}".split())
    changed = subprocess.run(
        ["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert changed.stdout == ""
