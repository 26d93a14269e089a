"""Makes a real git repository of the sample: the same commits, to the byte, on every machine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.demo.sample import Author, Sample, SampleCommit, SamplePull

WEB = Author(login="web-flow", name="GitHub", email="noreply@github.com")  # who merges on the page


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit as git tells it."""

    oid: str
    message: str
    authored: datetime
    committed: datetime


@dataclass(frozen=True, kw_only=True)
class Landed:
    """What a pull became in git; oids as GitHub's GraphQL would answer them."""

    base_commit: str  # tip of the base branch when the pull was opened
    head_commit: str
    merge: Commit | None  # merge, squash or last rebased commit; None = never merged
    commits: tuple[Commit, ...]  # of the branch, oldest first


@dataclass(frozen=True, kw_only=True)
class History:
    """A bare mirror with branches, tags and refs/pull/N/head, and where each pull landed."""

    mirror: Path
    landed: Mapping[int, Landed]  # by number of the pull


def write_history(sample: Sample, mirror: Path) -> History:
    """Build the sample's repository and leave a bare mirror of it at *mirror* (made anew)."""
    with tempfile.TemporaryDirectory(prefix="curate-sample-") as folder:
        work = _Work(sample, Path(folder))
        work.first()
        landed = {pull.number: work.land(pull) for pull in sample.pulls}
        shutil.rmtree(mirror, ignore_errors=True)
        _git(mirror.parent, "init", "--quiet", "--bare", "--template=", str(mirror))
        _git(mirror, "symbolic-ref", "HEAD", f"refs/heads/{sample.default_branch}")
        _git(mirror, "fetch", "--quiet", "--no-auto-gc", folder, "+refs/*:refs/*")
        (mirror / "FETCH_HEAD").unlink(missing_ok=True)
    return History(mirror=mirror, landed=landed)


class _Work:
    """A checkout in which the history is played through, pull by pull."""

    def __init__(self, sample: Sample, folder: Path) -> None:
        self.sample = sample
        self.folder = folder
        self.main = sample.default_branch
        self.tips: dict[int, str] = {}  # default branch after the merge of a pull

    def first(self) -> None:
        """The first commit, from base/."""
        first = self.sample.first
        self.git("init", "--quiet", "--template=")
        self.git("symbolic-ref", "HEAD", f"refs/heads/{self.main}")
        shutil.copytree(self.sample.base, self.folder, dirs_exist_ok=True, ignore=_RUBBISH)
        self.git("add", "--all")
        author = self.sample.authors[first["author"]]
        self.commit(first["message"], author, first["date"])
        self.git("tag", first["tag"])

    def land(self, pull: SamplePull) -> Landed:
        """Open *pull* on a branch of its own and merge it as it says."""
        base = self.oid(self.main)
        fork = base if pull.fork is None else self.tips[pull.fork]
        commits = self.branch(pull, fork)
        head = self.oid(pull.branch)
        self.git("update-ref", f"refs/pull/{pull.number}/head", head)
        self.git("checkout", "--quiet", self.main)
        merged = self.merge(pull, fork) if pull.merged else None
        self.git("branch", "--quiet", "-D", pull.branch)
        self.tips[pull.number] = self.oid(self.main)
        return Landed(base_commit=base, head_commit=head, merge=merged, commits=commits)

    def branch(self, pull: SamplePull, fork: str) -> tuple[Commit, ...]:
        """Commit the pull's files on a new branch, minutes before the pull is opened."""
        self.git("checkout", "--quiet", "-b", pull.branch, fork)
        shutil.copytree(pull.after, self.folder, dirs_exist_ok=True, ignore=_RUBBISH)
        for name in pull.delete:
            (self.folder / name).unlink()
        commits = pull.commits or (SampleCommit(message=pull.title),)
        for index, commit in enumerate(commits):
            self.git("add", "--all", "--", *commit.paths)
            when = pull.created - timedelta(minutes=10 * (len(commits) - index))
            self.commit(commit.message, self.sample.authors[pull.author], when)
        oids = self.git("rev-list", "--reverse", f"{fork}..HEAD").split()
        return tuple(self.read(oid) for oid in oids)

    def merge(self, pull: SamplePull, fork: str) -> Commit:
        """Merge the pull's branch into the default one in its style; the commit GitHub names."""
        author = self.sample.authors[pull.author]
        if pull.style == "squash":
            env = _identity(WEB, pull.merged, WEB)
            self.git("merge", "--quiet", "--squash", pull.branch, env=env)
            self.commit(f"{pull.title} (#{pull.number})\n\n{pull.body}", author, pull.merged, WEB)
        elif pull.style == "merge":
            env = _identity(author, pull.merged, WEB)
            subject = f"Merge pull request #{pull.number} from {pull.author}/{pull.branch}"
            message = f"{subject}\n\n{pull.title}"
            self.git("merge", "--quiet", "--no-ff", "-m", message, pull.branch, env=env)
        elif pull.style == "rebase":
            env = _identity(author, pull.merged, WEB)
            self.git("cherry-pick", f"{fork}..{pull.branch}", env=env)
        else:
            raise ValueError(f"{pull.folder.name}: no way to merge by {pull.style!r}")
        if pull.tag:
            self.git("tag", pull.tag)
        return self.read(self.main)

    def commit(
        self, message: object, author: Author, when: object, committer: Author | None = None
    ) -> None:
        """Commit what is staged."""
        env = _identity(author, when, committer or author)
        self.git("commit", "--quiet", "--no-verify", "-m", str(message), env=env)

    def read(self, ref: str) -> Commit:
        """The commit *ref* points to."""
        fields = self.git("log", "-1", "--format=%H%x00%aI%x00%cI%x00%B", ref).split("\0")
        oid, authored, committed, message = fields
        return Commit(
            oid=oid,
            message=message.strip(),
            authored=datetime.fromisoformat(authored),
            committed=datetime.fromisoformat(committed),
        )

    def oid(self, ref: str) -> str:
        """Full object id of *ref*."""
        return self.git("rev-parse", "--verify", ref).strip()

    def git(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Run git in the checkout."""
        return _git(self.folder, *args, env=env)


_RUBBISH = shutil.ignore_patterns("__pycache__", "*.egg-info", ".pytest_cache")


def _identity(author: Author, when: object, committer: Author) -> dict[str, str]:
    assert isinstance(when, datetime)
    date = f"{int(when.timestamp())} +0000"
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": date,
    }


def _git(folder: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    fixed = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DEFAULT_HASH": "sha1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env={**clean, **fixed, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout
