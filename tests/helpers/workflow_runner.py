"""Runs the jobs of a workflow of GitHub here: every `run` line by bash, as it is written.

Each job has a workspace of its own, in which `make setup` has nothing left to do. What the actions
for caches and artifacts do is done by copying folders; the checkout and Python are there.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class WorkflowRunner:
    """One run of a workflow after the other; caches stay between them."""

    file: Path
    folder: Path
    values: dict[str, str]  # of expressions, such as "github.run_id"
    variables: Mapping[str, str]  # of the machine
    lines: list[str] = field(default_factory=list)  # that were run
    summaries: dict[str, str] = field(default_factory=dict)  # by job
    get_machine: Callable[[], None] = lambda: None  # before each job: nothing of others is there

    def run(self) -> dict[str, bool]:
        """Run all jobs in their order; return whether every step of each ended well."""
        workflow = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        shutil.rmtree(self.folder / "artifacts", ignore_errors=True)
        ended: dict[str, bool] = {}
        for name, job in workflow["jobs"].items():
            matrix = job.get("strategy", {}).get("matrix")
            rows = json.loads(self._resolve(matrix, {}))["include"] if matrix else [{}]
            for row in rows:
                values = {f"matrix.{key}": it for key, it in row.items()}
                title = f"{name} {row['name']}" if row else name
                ended[title] = self._run_job(title, workflow["env"], job, values)
        return ended

    def _run_job(
        self, title: str, shared: Mapping[str, str], job: Mapping[str, Any], row: dict[str, str]
    ) -> bool:
        self.get_machine()
        place = self._make_workspace(title)
        given = {**shared, **job.get("env", {})}
        env = {key: self._resolve(it, row) for key, it in given.items()}
        is_good = True
        for step in job["steps"]:
            if not is_good and step.get("if") != "always()":
                continue
            own = {key: self._resolve(it, row) for key, it in step.get("env", {}).items()}
            if "uses" in step:
                self._act(step, place, row)
            else:
                is_good &= self._run_lines(step["run"], place, {**env, **own})
        self.summaries[title] = (place / "summary.md").read_text(encoding="utf-8")
        outputs = dict(it.split("=", 1) for it in (place / "output").read_text().splitlines())
        for name, expression in job.get("outputs", {}).items():
            key = expression.strip("${ }").rpartition(".")[2]
            self.values[f"needs.{title}.outputs.{name}"] = outputs[key]
            self.values[f"fromJSON(needs.{title}.outputs.{name})"] = outputs[key]
        return is_good

    def list_written_lines(self) -> set[str]:
        """Return all `run` lines of the workflow."""
        jobs = yaml.safe_load(self.file.read_text(encoding="utf-8"))["jobs"].values()
        return {step["run"] for job in jobs for step in job["steps"] if "run" in step}

    def _make_workspace(self, title: str) -> Path:
        place = self.folder / title.replace(" ", "-")
        shutil.rmtree(place, ignore_errors=True)
        (place / ".venv").mkdir(parents=True)
        (place / ".venv/bin").symlink_to(ROOT / ".venv/bin")
        (place / "Makefile").symlink_to(ROOT / "Makefile")
        (place / "pyproject.toml").touch()
        for name in (".venv/.ready", "summary.md", "output"):
            (place / name).touch()
        return place

    def _run_lines(self, text: str, place: Path, env: Mapping[str, str]) -> bool:
        self.lines.append(text)
        files = {"GITHUB_STEP_SUMMARY": place / "summary.md", "GITHUB_OUTPUT": place / "output"}
        done = subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=place,
            env={**os.environ, **self.variables, **env, **{k: str(v) for k, v in files.items()}},
            capture_output=True,
            text=True,
            check=False,
        )
        with (place / "log").open("a") as log:
            log.write(f"$ {text}\n{done.stdout}{done.stderr}exit code {done.returncode}\n")
        return done.returncode == 0

    def _act(self, step: Mapping[str, Any], place: Path, row: dict[str, str]) -> None:
        """Do what an action does; one that is not known fails."""
        given = {key: self._resolve(str(it), row) for key, it in step.get("with", {}).items()}
        paths = given.get("path", "").split()
        match step["uses"].partition("@")[0]:
            case "actions/checkout" | "actions/setup-python":
                pass
            case "actions/cache/restore":
                if found := self._find_cache(given["key"], given.get("restore-keys", "")):
                    shutil.copytree(found, place, dirs_exist_ok=True, symlinks=True)
            case "actions/cache/save":
                self._copy(place, paths, self.folder / "caches" / given["key"], Path())
            case "actions/upload-artifact":
                common = Path(os.path.commonpath(paths)) if len(paths) > 1 else Path(paths[0])
                self._copy(place, paths, self.folder / "artifacts" / given["name"], common)
            case "actions/download-artifact":
                for found in (self.folder / "artifacts").glob(given["pattern"]):
                    shutil.copytree(found, place / given["path"] / found.name)
            case other:
                raise AssertionError(other)

    def _find_cache(self, key: str, prefix: str) -> Path | None:
        caches = sorted((self.folder / "caches").glob("*"), key=lambda it: it.stat().st_mtime)
        exact = [it for it in caches if it.name == key]
        return next(
            iter(exact or [it for it in reversed(caches) if it.name.startswith(prefix)]), None
        )

    @staticmethod
    def _copy(place: Path, paths: list[str], target: Path, common: Path) -> None:
        if target.exists():
            return  # a key is written once
        target.mkdir(parents=True)
        for path in (found for it in paths for found in place.glob(it)):
            to = target / path.relative_to(place / common)
            to.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, to)

    def _resolve(self, text: str, row: Mapping[str, str]) -> str:
        known = {**self.values, **row}
        return _EXPRESSION.sub(lambda match: known[match[1]], str(text))
