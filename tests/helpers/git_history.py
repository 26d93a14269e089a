"""Small real git repositories for tests, commit by commit, with dates of their own."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

START = 1_577_836_800  # 2020-01-01 UTC


@dataclass
class GitHistory:
    """A working repository; every commit is an hour after the one before."""

    path: Path
    clock: int = START
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls, path: Path) -> "GitHistory":
        path.mkdir(parents=True)
        history = cls(path)
        history.git("init", "--quiet", "--initial-branch=main")
        return history

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        who = {"NAME": "A", "EMAIL": "a@example.org", "DATE": f"{self.clock} +0000"}
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **{
                f"GIT_{role}_{key}": it
                for role in ("AUTHOR", "COMMITTER")
                for key, it in who.items()
            },
            **self.environment,
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def commit(self, message: str = "Work", **files: bytes | str | None) -> str:
        """Write *files* and commit; None deletes. `__` in a keyword is `/`, `_py` is `.py`."""
        return self.change({_path(key): it for key, it in files.items()}, message)

    def change(self, files: Mapping[str, bytes | str | None], message: str = "Work") -> str:
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.clock += 3600
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, at: str = "HEAD") -> None:
        self.git("checkout", "--quiet", "-B", name, at)

    def checkout(self, name: str) -> None:
        self.git("checkout", "--quiet", name)

    def merge(self, name: str) -> str:
        self.clock += 3600
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {name}", name)
        return self.head()

    def pull_ref(self, number: int, commit: str) -> None:
        self.git("update-ref", f"refs/pull/{number}/head", commit)

    def mirror(self, path: Path) -> Path:
        """A bare mirror of all refs, as `git clone --mirror` makes it."""
        self.git("clone", "--quiet", "--mirror", str(self.path), str(path))
        return path


def _path(key: str) -> str:
    name = key.replace("__", "/")
    return f"{name[:-3]}.py" if name.endswith("_py") else name
