"""The script of an export that builds images: what it gives each build to read."""

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.checkout import commit_step_commands
from curate.builders.images.audit_script import audit_commands
from curate.builders.images.build_files import SDIST_REPACKER
from curate.builders.lock.repack_sdist import repack
from curate.publish.export.run import write_rows
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.functional.test_eval_script import git, write
from tests.helpers.releases import good

# Keeps the context of each build, and the Dockerfile, in a folder of the number of the build.
DOCKER = """\
#!/bin/bash
[ "$1" = build ] || exit 0
number=$(find "$KEPT" -mindepth 1 -maxdepth 1 | wc -l)
mkdir "$KEPT/$number"
cp -R "${@: -1}" "$KEPT/$number/context"
while [ "$1" != --file ]; do shift; done
cp "$2" "$KEPT/$number/Dockerfile"
"""
LAYERS = {
    "base": "FROM debian:12\nRUN true\n",
    "python": "FROM curate/base:1\nCOPY . /opt/python\n",
    "checkout": "FROM curate/python:1\nRUN x\n",
    "instance": "FROM curate/checkout:1\nRUN y\n",
}


def make_commit(folder: Path, number: int) -> str:
    write(folder, {f"file {number}.txt": b"x\n", "thing.py": b"%d\n" % number})
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", str(number))
    return git(folder, "rev-parse", "HEAD").decode().strip()


def make_history(tmp_path: Path) -> tuple[Path, list[str], list[str]]:
    """A repository with a submodule `libs/part ü` that moves; commits of both, oldest first."""
    part, main = tmp_path / "part", tmp_path / "main"
    for folder in (part, main):
        folder.mkdir()
        git(folder, "init", "-q")
    links = [make_commit(part, number) for number in range(2)]
    local = ("-c", "protocol.file.allow=always")
    git(main, *local, "submodule", "--quiet", "add", "../part", "libs/part ü")
    commits = []
    for number, link in enumerate(links):
        git(main / "libs/part ü", "checkout", "-q", link)
        commits.append(make_commit(main, number))
    make_commit(main, 2)  # must not be reachable
    return main, commits, links


def build(tmp_path: Path, row: dict[str, Any], repository: Path) -> list[Path]:
    write_rows(make_table(TRAIN_COLUMNS, [row]), "verified", "folder", tmp_path / "export")
    kept, program, prefix = tmp_path / "kept", tmp_path / "docker", tmp_path / "prefix"
    kept.mkdir()
    write(prefix, {"bin/python3.9": b""})
    write(tmp_path, {"uv": b"#!/bin/sh\n", "docker": DOCKER.encode()})
    program.chmod(0o755)
    variables = {
        "DOCKER": str(program),
        "KEPT": str(kept),
        "REPOSITORY": str(repository),
        "UV": str(tmp_path / "uv"),
        "PYTHON_PREFIX": str(prefix),
        "INDEX_URL": "https://index.example/simple?a=b c",
    }
    command = [tmp_path / "export/build.sh", row["instance_id"], "some/tag:x"]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(kept.iterdir())


def test_each_step_finds_what_it_reads(tmp_path: Path) -> None:
    main, (older, commit), (old_link, link) = make_history(tmp_path)
    files = {
        "build.env": "export A=1\n",
        "install.sh": "true\n",
        "checkout.commit": older,
        "submodules": "libs/part ü\n",
        "submodule.steps": f"step-0.pack {old_link} {link} libs/part ü\n",
        "python.dockerignore": "lib\n",
        "python.version": "3.9.1",
        "uv.version": "1",
    }
    dockerfiles, build_files = json.dumps(LAYERS), json.dumps(files)
    row = good(7, base_commit=commit, dockerfiles=dockerfiles, build_files=build_files)
    layers = build(tmp_path, row, main)
    froms = [(it / "Dockerfile").read_text().splitlines()[0] for it in layers]
    assert froms == ["FROM debian:12", *(f"FROM some/tag:x-layer-{n}" for n in (1, 2, 3))]
    assert (layers[1] / "context/bin/python3.9").exists()
    context = layers[3] / "context"
    env = f'. "{context}/build.env"; printf "%s" "$A $UV_DEFAULT_INDEX $PIP_INDEX_URL"'
    address = "https://index.example/simple?a=b c"
    assert subprocess.check_output(["sh", "-c", env], text=True) == f"1 {address} {address}"
    checkout = context / "checkout"
    _update(checkout, older, commit, context / "step.pack")
    _update(checkout / "libs/part ü", old_link, link, context / "step-0.pack")
    assert git(checkout, "status", "--porcelain") == b""
    assert (checkout / "file 1.txt").exists() and not (checkout / "file 2.txt").exists()
    assert (checkout / "libs/part ü/thing.py").read_bytes() == b"1\n"
    audit = ["set -eu", "list_changes() { :; }", "changed_before="]
    audit += audit_commands("", f"{older} {old_link}")
    subprocess.run(["sh", "-c", "\n".join(audit)], cwd=checkout, check=True)


@pytest.mark.parametrize("name", ["owner__name-7", "owner__name-8"])
def test_without_the_files_it_says_so(tmp_path: Path, name: str) -> None:
    rows = make_table(TRAIN_COLUMNS, [good(7, dockerfiles="{}", build_files="{}")])
    write_rows(rows, "verified", "folder", tmp_path / "export")
    done = subprocess.run(
        [tmp_path / "export/build.sh", name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"no files to build {name} from" in done.stderr) == (2, True)


def test_archives_are_repacked_as_they_were(tmp_path: Path) -> None:
    main, (_, commit), _ = make_history(tmp_path)
    sdist, content = "thing-1.0.tar.bz2", tmp_path / "thing-1.0"
    write(content, {"setup.py": b"x = 1\n", "PKG-INFO": b"Name: thing\n"})
    with tarfile.open(tmp_path / sdist, "w:bz2") as tar:
        tar.add(content, content.name)
    packed = (tmp_path / sdist).read_bytes()
    sha256, url = hashlib.sha256(packed).hexdigest(), (tmp_path / sdist).as_uri()
    files = {
        "install.sh": "true\n",
        "checkout.commit": commit,
        "archives": f"{sha256} {sdist} {url}\n",
        "repack_sdist.py": SDIST_REPACKER.read_text(),
        "python.dockerignore": "lib\n",
    }
    row = good(
        7,
        base_commit=commit,
        dockerfiles=json.dumps(LAYERS),
        build_files=json.dumps(files),
    )
    layers = build(tmp_path, row, main)
    (found,) = (layers[2] / "context/archives").iterdir()
    assert found.name == "thing-1.0.tar.gz"
    assert found.read_bytes() == repack(packed, sdist)
    with tarfile.open(found) as tar:
        assert tar.getmember("thing-1.0/setup.py").isreg()


def _update(folder: Path, older: str, commit: str, pack: Path) -> None:
    commands = commit_step_commands(older, commit, str(pack))
    subprocess.run(["sh", "-c", " && ".join(commands)], cwd=folder, check=True)
