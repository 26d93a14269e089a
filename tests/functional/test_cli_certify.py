"""`curate certify` at the command line, on an instance that the local sandbox runs."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from curate.core.certification import CertificationResult
from curate.store import Store
from tests.helpers.factories import make_certification, make_differences
from tests.helpers.local_task import LocalTask, store_local_task
from tests.helpers.terminal import Curate, Typed, typed

ID = "owner__name-7"
CERTIFICATE = "release/CERTIFICATE.json"
needs_minisign = pytest.mark.skipif(
    shutil.which("minisign") is None, reason="needs minisign (see .ci/minisign)"
)


@pytest.fixture
def local(tmp_path: Path) -> LocalTask:
    return store_local_task(tmp_path)


@pytest.fixture
def curate(tmp_path: Path, local: LocalTask) -> Curate:
    def run(*arguments: str) -> Typed:
        return typed(arguments, tmp_path, {"PATH": os.environ["PATH"]})

    return run


@pytest.fixture
def release(tmp_path: Path, curate: Curate) -> Path:
    """A release of the instance, certified in the store without a run."""
    with Store(tmp_path / "data") as store:
        store.certifications.save(make_certification(image=str(tmp_path / "built")))
    options = ("--allow-local-images", "--no-verify", "--output", "release")
    done = curate("publish", *options)
    assert done.returncode == 0, done.stderr
    return tmp_path / "release"


def make_keys(folder: Path, name: str = "key") -> tuple[str, str]:
    """A secret and a public key of minisign, without a password."""
    paths = (f"{name}.sec", f"{name}.pub")
    command = ["minisign", "-G", "-W", "-f", "-s", paths[0], "-p", paths[1]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return paths


def test_a_release_is_certified_and_its_certificate_is_written(
    tmp_path: Path, release: Path, curate: Curate
) -> None:
    done = curate("certify", "release", "--all", "--rerun", "--sandbox", "local", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["counts"]["certified"] == 1 and report["drift"] == []
    (one,) = report["certifications"]
    assert (one["instance_id"], one["gold_passes"], one["empty"]) == (ID, 3, "tests-failed")
    certificate = json.loads((tmp_path / CERTIFICATE).read_text())
    assert certificate["signature"].startswith("none: this certificate is unsigned")
    assert certificate["counts"] == {"certified": 1, "instances": 1, "never_certified": 0}
    assert "data/train-00000-of-00001.parquet" in certificate["files"]
    assert certificate["instances"][0]["certified_at"][:10] == one["certified_at"][:10]
    again = curate("certify", ID, "--sandbox", "local")
    assert again.returncode == 0 and "1 of them were certified earlier tonight" in again.stderr
    assert again.stdout.splitlines()[1].split()[:2] == ["certified", "1"]


def test_a_release_of_certified_rows_says_so(release: Path, curate: Curate) -> None:
    card = (release / "README.md").read_text()
    assert "Certified again after validation: 1 instances, 1 of them" in card
    assert "on 2022-03-04" in card
    assert curate("publish", "check", "release").stderr.startswith("warning")
    done = curate("certify", "release", "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1 instances certified, the last on 2022-03-04; signature: none" in done.stdout


@needs_minisign
def test_a_certificate_is_signed_and_verified(
    tmp_path: Path, release: Path, curate: Curate
) -> None:
    secret, public = make_keys(tmp_path)
    _, other = make_keys(tmp_path, "other")
    (tmp_path / "curate.toml").write_text(f'signing_key = "{secret}"\n')
    again = ("publish", "--allow-local-images", "--no-verify", "--output", "release")
    assert curate(*again).returncode == 0
    verify = ("certify", "release", "--verify", "--public-key")

    def told(*arguments: str) -> tuple[int, str]:
        done = curate(*arguments)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    code, words = told(*verify, public)
    assert (code, "signature verified" in words) == (0, True)
    code, words = told(*verify, other)
    assert (code, f"is not signed with the key {other}" in words) == (1, True)
    code, words = told(*verify, "none.pub")
    assert (code, "no public key none.pub" in words) == (2, True)
    signature = tmp_path / f"{CERTIFICATE}.minisig"
    signature.rename(tmp_path / "aside")
    code, words = told(*verify, public)
    assert (code, "its signature CERTIFICATE.json.minisig is missing" in words) == (1, True)
    (tmp_path / "aside").rename(signature)

    certificate = tmp_path / CERTIFICATE
    good = certificate.read_bytes()
    certificate.write_bytes(good.replace(b'"gold_passes": 3', b'"gold_passes": 2'))
    code, words = told(*verify, public)
    assert (code, "is not signed with the key" in words) == (1, True)
    certificate.write_bytes(good)

    card = release / "README.md"
    card.write_text(card.read_text() + "More.\n")
    code, words = told(*verify, public)
    assert (code, "README.md was changed after the release was certified" in words) == (1, True)
    sums = release / "SHA256SUMS"
    sums.write_text(
        subprocess.run(
            "find . -type f ! -name SHA256SUMS ! -name 'CERTIFICATE*' | sed 's|^./||' |"
            " xargs sha256sum",
            shell=True,
            cwd=release,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    code, words = told("publish", "check", "release")
    assert (code, "README.md was changed after" in words) == (1, True)


@needs_minisign
def test_what_cannot_sign_leaves_an_unsigned_certificate(
    tmp_path: Path, release: Path, curate: Curate
) -> None:
    (tmp_path / "no.key").write_text("no key\n")
    options = ("--sign", "no.key", "--sandbox", "local", "--max-time", "0s")
    done = curate("certify", "release", *options)
    assert done.returncode == 2 and "could not be signed with no.key" in done.stderr
    certificate = json.loads((tmp_path / CERTIFICATE).read_text())
    assert certificate["signature"].startswith("none")


def test_the_certificate_of_another_release_is_told(
    tmp_path: Path, release: Path, curate: Curate
) -> None:
    certificate = tmp_path / CERTIFICATE
    content = json.loads(certificate.read_text())
    content["files"] = dict.fromkeys(content["files"], "0" * 64)
    certificate.write_text(json.dumps(content))
    done = curate("certify", "release", "--verify")
    assert (done.returncode, "certificate of another release" in done.stderr) == (1, True)


def test_what_is_no_certificate_is_told(tmp_path: Path, release: Path, curate: Curate) -> None:
    for content in ("", "[]", "{}", '{"format": 99, "files": {}}', "\0", "[" * 9999):
        (tmp_path / CERTIFICATE).write_text(content)
        done = curate("certify", "release", "--verify")
        assert done.returncode == 1 and "CERTIFICATE.json" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    done = curate("publish", "check", "release")
    assert done.returncode == 1 and "CERTIFICATE.json" in done.stderr


def test_drift_is_told_by_test_and_date(tmp_path: Path, curate: Curate) -> None:
    """Of an earlier call of this night, so nothing runs."""
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    good = make_certification(image=str(tmp_path / "built"), certified_at=now - timedelta(days=40))
    machine = good.machine.__class__(**{**vars(good.machine), "kernel": "6.2"})
    tests = make_differences("tests/test_birds.py::test_double", "gold 1", "gold 2", "gold 3")
    failed = make_certification(
        image=str(tmp_path / "built"),
        certified_at=now,
        result=CertificationResult.FAILED,
        gold_passes=0,
        differences=tests,
        machine=machine,
    )
    with Store(tmp_path / "data") as store:
        store.certifications.save(good)
        store.certifications.save(failed)
    done = curate("certify", ID)
    assert done.returncode == 1
    line = done.stdout.splitlines()[-1]
    assert line == (
        f"{ID}: tests/test_birds.py::test_double: failed in 3 of 3 gold runs, expected passed;"
        f" certified {good.certified_at:%Y-%m-%d}; since then kernel: 6.1 -> 6.2,"
        " date: 40 days later"
    )
    (drift,) = json.loads(curate("certify", ID, "--json").stdout)["drift"]
    assert (drift["test"], drift["message"]) == ("tests/test_birds.py::test_double", line)
    shown = curate("show", ID).stdout
    assert "certification-failed" in shown
    assert f"certified {now:%Y-%m-%d}: failed, gold passed in 0 of 3 runs" in shown
    assert json.loads(curate("show", ID, "--json").stdout)["certification"]["result"] == "failed"
    status = json.loads(curate("status", "--json").stdout)
    assert status["repositories"]["owner/name"]["excluded"] == {"certification-failed": 1}


Arguments = tuple[str, ...]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("none.jsonl",), 4, "No such file"),
        (("nowhere/",), 4, "No dataset nowhere/"),
        (("--sample", "0%"), 2, "Invalid share '0%'"),
        (("--sample", "ten"), 2, "Invalid share 'ten'"),
        (("--sample", "nan"), 2, "Invalid share 'nan'"),
        (("--all", "--sample", "10%"), 2, "Give one of"),
        ((ID, "--all"), 2, "Give one of"),
        (("owner__name-8",), 4, "instances are unknown, the first owner__name-8"),
        (("store", "\0"), 4, "unknown"),
        (("--verify",), 2, "takes the directory of one release"),
        (("data", "--verify"), 4, "has no CERTIFICATE.json"),
        (("empty.jsonl",), 2, "nothing to certify"),
        (("broken.jsonl",), 2, "not a JSON object"),
        ((ID, "--max-time", "soon"), 2, "Invalid duration"),
    ],
)
def test_what_cannot_be_certified_is_told(
    tmp_path: Path, curate: Curate, arguments: Arguments, code: int, words: str
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "broken.jsonl").write_text('{"instance_id": "a__b-1"}\nno json\n')
    done = curate("certify", *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
