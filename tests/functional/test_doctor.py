"""`curate doctor` on machines that lack something, each for real."""

import base64
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from curate.core.model import CrawlState
from curate.core.settings import Settings
from curate.doctor.context import CheckContext
from curate.doctor.judgments.accounts import judge_registries
from curate.doctor.model import Check, Job, Status, make_ok
from curate.doctor.probes.machine import read_cgroups
from curate.doctor.probes.stored import read_store
from curate.doctor.registry import try_upload
from curate.doctor.run import PROBES, Probe, run_checks
from curate.store import Store
from curate.store.tables import FORMAT_VERSION
from tests.doubles.github import GitHubDouble, World
from tests.doubles.hub import HubDouble
from tests.doubles.packages import package_index, wheel
from tests.helpers.denied import ordinary_permissions, small_filesystem
from tests.helpers.factories import make_candidate, make_pull
from tests.helpers.loop_filesystem import MountError
from tests.helpers.registry import PASSWORD, USER, serve_registry
from tests.helpers.stored_world import fill
from tests.helpers.terminal import Typed, typed

DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    """Variables of a machine where all is well, on loopback alone."""
    with (
        GitHubDouble(World(), token=["good-token-1", "good-token-2"]) as github,
        package_index(wheel("pip", "25.0")) as index,
    ):
        yield {
            "CURATE_GITHUB_API_URL": f"{github.url}/api/v3",
            "CURATE_INDEX_URL": index,
            "GITHUB_TOKEN": "good-token-1",
            "no_proxy": "127.0.0.1",
        }


Machine = Any  # runs the doctor with variables, and returns its checks by name


@pytest.fixture
def machine(services: dict[str, str], tmp_path: Path) -> Machine:
    def examine(*options: str, code: int | None = None, **variables: str) -> dict[str, Check]:
        changed = {"HOME": str(tmp_path), "CURATE_CACHE_DIR": str(tmp_path / "cache")}
        line = ("doctor", "--json", *(options or ("--sandbox", "local")))
        done = typed(line, tmp_path, {**services, **changed, **variables})
        return read_checks(done, code)

    return examine


def read_checks(done: Typed, code: int | None = None) -> dict[str, Check]:
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    checks = [Check(**{**it, "jobs": tuple(it["jobs"])}) for it in document["checks"]]
    failures = [it for it in checks if it.status == Status.FAILURE]
    assert done.returncode == bool(failures) if code is None else code == done.returncode, failures
    failing = [job for job in Job if any(job in it.jobs for it in failures)]
    assert document["failing"] == failing
    return {it.name: it for it in checks}


def test_a_good_machine_is_told_to_be_good(machine: Machine) -> None:
    checks = machine(code=0)
    assert list(checks) == [name for probe in PROBES for name in probe.names]
    assert checks["github-tokens"].found.startswith("token 1: 5,000 of 5,000 points left until ")
    assert checks["package-index"].found.endswith(", with upload times")
    for name in ("git", "git-host", "uv", "network", "clock", "data-directory"):
        assert checks[name].status == Status.OK, checks[name]
    for name in ("store", "mirrors", "hub", "registry"):
        assert checks[name].status == Status.SKIPPED, checks[name]


def test_nothing_is_made(machine: Machine, tmp_path: Path) -> None:
    machine()
    assert not (tmp_path / "data").exists() and not (tmp_path / "cache").exists()


def test_without_git(machine: Machine, tmp_path: Path) -> None:
    checks = machine(PATH=str(tmp_path))
    assert checks["git"].found == "there is no git on PATH"
    assert checks["git"].jobs == (Job.CRAWL, Job.VALIDATE, Job.PUBLISH)
    assert "Install git" in checks["git"].remedy


def test_a_git_that_hangs_is_given_up(machine: Machine, tmp_path: Path) -> None:
    script = tmp_path / "bin/git"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    checks = machine(PATH=f"{script.parent}:/usr/bin:/bin", CURATE_NETWORK_TIMEOUT="1")
    assert "no answer within 1 s" in checks["git"].found


def test_no_engine_fails_with_docker_alone(machine: Machine, tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/none.sock"
    checks = machine("--sandbox", "docker", DOCKER_HOST=dead)
    assert checks["engine"].status == checks["sandboxes"].status == Status.FAILURE
    assert "No such file or directory" in checks["engine"].found
    checks = machine("--sandbox", "local", DOCKER_HOST=dead, code=0)
    assert checks["engine"].status == Status.SKIPPED


def test_a_full_disk(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    try:
        with small_filesystem(tmp_path / "small", 512):
            checks = machine(CURATE_DATA_DIR=str(tmp_path / "small/data"))
    except MountError:
        pytest.skip("this user may not mount")
    assert checks["disk"].status == Status.FAILURE
    assert "data directory (~/small/data): 0 MiB free, 64 MiB needed" in checks["disk"].found


def test_tokens_are_asked_one_by_one_and_never_shown(
    machine: Machine, services: dict[str, str], tmp_path: Path
) -> None:
    checks = machine(GITHUB_TOKENS="good-token-2,expired-token", code=0)
    tokens = checks["github-tokens"]
    assert tokens.status == Status.WARNING and tokens.remedy == "Replace or remove token 2."
    assert "token 2: rejected" in tokens.found and "token 3: 5,000 of" in tokens.found
    checks = machine(GITHUB_TOKEN="expired-token")
    assert (checks["github-tokens"].status, checks["github-tokens"].jobs) == ("failure", ("crawl",))
    done = typed(("doctor",), tmp_path, {**services, "GITHUB_TOKEN": "expired-token"})
    assert "expired-token" not in done.stdout + done.stderr


def test_a_hub_token_and_its_role(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubDouble(token="hf_test_token", user="curator") as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        good = machine(HF_TOKEN="hf_test_token")["hub"]
        wrong = machine("--hub", "curator/tasks", HF_TOKEN="hf_other_token")["hub"]
        foreign = machine("--hub", "lab/tasks", HF_TOKEN="hf_test_token")["hub"]
    assert (good.status, good.found) == ("ok", "user curator, role write")
    assert (wrong.status, wrong.jobs) == ("failure", ("publish",))
    assert "no member of lab" in foreign.found


@contextmanager
def logged_in(folder: Path, host: str) -> Iterator[str]:
    """The folder of a docker configuration with a login to *host*."""
    words = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "login").mkdir()
    (folder / "login/config.json").write_text(json.dumps({"auths": {host: {"auth": words}}}))
    yield str(folder / "login")


def test_a_registry_that_wants_a_login(machine: Machine, tmp_path: Path) -> None:
    with serve_registry(tmp_path, has_users=True) as host, logged_in(tmp_path, host) as folder:
        line = ("--sandbox", "local", "--registry", f"{host}/lab")
        denied = machine(*line, DOCKER_CONFIG=str(tmp_path))["registry"]
        allowed = machine(*line, DOCKER_CONFIG=folder, code=0)["registry"]
    assert (denied.status, denied.jobs) == ("failure", ("publish",))
    assert denied.remedy == f"Log in: docker login {host}"
    assert allowed.found == f"{host}/lab: may push, as {USER}"
    left = [it.name for it in (tmp_path / "storage").rglob("_uploads/**/*") if it.is_file()]
    assert set(left) <= {"0"}  # the registry's own empty state of a hash; it is ended


def test_a_registry_that_denies_push(tmp_path: Path) -> None:
    with serve_registry(tmp_path, is_read_only=True) as host:
        facts = try_upload(f"{host}/lab", 5)
    assert facts.status == 405
    check = judge_registries([facts], pushed="")
    assert check.status == Status.FAILURE and "may not push" in check.found


def test_a_registry_that_is_not_there(machine: Machine) -> None:
    found = machine("--sandbox", "local", "--registry", "127.0.0.1:9/lab")["registry"]
    assert "127.0.0.1:9/lab: 127.0.0.1:9: Connection refused" in found.found


def test_a_proxy_that_refuses(machine: Machine) -> None:
    checks = machine(https_proxy="http://me:geheim@127.0.0.1:9", no_proxy="")
    assert checks["proxy"].found == "127.0.0.1:9: Connection refused"
    assert len(checks["proxy"].jobs) == 3


@contextmanager
def serve_time(lead: float) -> Iterator[str]:
    """A server whose clock is *lead* seconds ahead."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", formatdate(time.time() + lead, usegmt=True))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_wrong_clock(machine: Machine) -> None:
    with serve_time(7200.0) as url:
        both = {"CURATE_GITHUB_API_URL": f"{url}/api/v3", "CURATE_INDEX_URL": url}
        clock = machine(**both)["clock"]
    assert clock.status == Status.WARNING
    assert clock.found in {"2:00:00 behind", "1:59:59 behind"}


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_broken_bundle_of_certificates(
    machine: Machine, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    checks = machine(CURATE_CA_BUNDLE=str(tmp_path / "ca.pem"))
    assert checks["ca-bundle"].status == Status.FAILURE
    assert "ca_bundle = ~/ca.pem: " in checks["ca-bundle"].found


def test_a_data_directory_that_cannot_be_written(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    with ordinary_permissions() as are_held:
        if not are_held:
            pytest.skip("this system denies this user nothing")
        checks = machine()
    assert checks["data-directory"].status == Status.FAILURE
    (tmp_path / "file").touch()
    assert machine(CURATE_DATA_DIR="file")["data-directory"].found == "file is a file"


def test_a_store_of_a_newer_format(machine: Machine, tmp_path: Path) -> None:
    fill(tmp_path)
    assert machine()["store"].found.endswith("2 candidates, 1 verified")
    with closing(sqlite3.connect(tmp_path / "data/curate.sqlite")) as database:
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    store = machine()["store"]
    assert f"store format {FORMAT_VERSION + 1}" in store.found and "upgrade" in store.remedy


def test_a_store_with_claims_is_whole(tmp_path: Path) -> None:
    """SQLite 3.40 sees NULL in the columns of keys of tables without a row id."""
    with Store(tmp_path) as store:
        store.save_page("o/r", [make_pull(1)], CrawlState())
        store.save_candidate(make_candidate(1))
    with closing(sqlite3.connect(tmp_path / "curate.sqlite")) as database, database:
        database.execute("INSERT INTO claims VALUES ('o/r', 1, 'o/r', 2)")
    assert read_store(tmp_path).damage == read_store(tmp_path).fault == ""


def test_a_damaged_store(machine: Machine, tmp_path: Path) -> None:
    fill(tmp_path)
    file = tmp_path / "data/curate.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xff" * 4096 * 6
    file.write_bytes(content)
    assert machine()["store"].status == Status.FAILURE


def test_mirrors_that_are_broken_or_partial(machine: Machine, tmp_path: Path) -> None:
    fill(tmp_path)
    mirrors = tmp_path / "data/mirrors"
    assert machine()["mirrors"].status == Status.OK
    url = f"file://{mirrors}/owner__name.git"
    command = ["git", "clone", "-q", "--bare", "--depth=1", url, str(mirrors / "a__b.git")]
    subprocess.run(command, check=True)
    assert machine()["mirrors"].found.endswith("; partial or shallow: a__b.git")
    shutil.rmtree(mirrors / "owner__name.git/objects")
    (mirrors / "owner__name.git/objects").mkdir()
    assert machine()["mirrors"].found.endswith("; damaged: owner__name.git")


def test_files_that_settings_name_must_be_there(machine: Machine) -> None:
    checks = machine(CURATE_RECIPES_DIR="none", CURATE_RELEASE_FILTERS="nonsense")
    assert "recipes_dir = none does not exist" in checks["settings"].found
    assert "nonsense" in checks["settings"].found


def test_an_index_that_tells_no_upload_times(machine: Machine, tmp_path: Path) -> None:
    with serve_time(0) as url:
        assert machine(CURATE_INDEX_URL=url)["package-index"].status == Status.FAILURE
    assert "is no HTTP address" in machine(CURATE_INDEX_URL="file:///x")["package-index"].found


def context(folder: Path, **environment: str) -> CheckContext:
    return CheckContext(settings=Settings(data_dir=folder), environment=environment)


def test_a_check_that_fails_is_a_value(tmp_path: Path) -> None:
    def break_down(_: CheckContext) -> list[Check]:
        raise ValueError("secret-value at 3")

    def refuse(_: CheckContext) -> list[Check]:
        raise PermissionError(13, "Permission denied", f"{tmp_path}/x")

    probes = [
        Probe(names=("bug",), look=break_down),
        Probe(names=("denied",), look=refuse, jobs=(Job.CRAWL,)),
        Probe(names=("good",), look=lambda _: [make_ok("good", "all")]),
    ]
    checks = run_checks(context(tmp_path, HOME=str(tmp_path), A_TOKEN="secret-value"), probes)
    assert [it.status for it in checks] == ["warning", "failure", "ok"]
    assert "ValueError: *** at 3" in checks[0].found
    assert checks[1].found == "~/x: Permission denied."


@pytest.mark.parametrize(
    ("files", "mode", "controllers"),
    [
        ({"cgroup.controllers": "cpu memory pids\n"}, "v2", {"cpu", "memory", "pids"}),
        ({"memory/x": "", "cpu,cpuacct/x": ""}, "v1", {"memory", "cpu", "cpuacct"}),
        ({"memory/x": "", "unified/cgroup.controllers": "pids"}, "hybrid", {"memory", "pids"}),
        ({}, "none", set()),
    ],
)
def test_control_groups_of_each_kind(
    tmp_path: Path, files: dict[str, str], mode: str, controllers: set[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    facts = read_cgroups(tmp_path)
    assert (facts.mode, set(facts.controllers)) == (mode, controllers)


def test_the_text_is_the_same_piped_and_without_colors(
    services: dict[str, str], tmp_path: Path
) -> None:
    variables = {**services, "HOME": str(tmp_path), "NO_COLOR": "1", "https_proxy": DEAD}
    done = typed(("doctor", "--sandbox", "local"), tmp_path, variables)
    assert "\x1b" not in done.stdout
    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    names = [name for probe in PROBES for name in probe.names]
    assert [line.split()[1] for line in heads[:-1]] == names
    assert done.stdout.splitlines()[-1].startswith("1 failure")


def test_every_form_asks_for_the_output() -> None:
    forms = Path(__file__).parents[2] / ".github/ISSUE_TEMPLATE"
    for form in forms.glob("*.yml"):
        assert form.name == "config.yml" or "curate doctor" in form.read_text(encoding="utf-8")
