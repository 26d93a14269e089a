"""What the doctor makes of facts: tables of inputs, and what is never shown."""

import threading
import time

import pytest

from curate.cli.doctor import render_check, summarize
from curate.doctor.judgments.accounts import (
    HubFacts,
    RegistryFacts,
    TokenFacts,
    judge_github_tokens,
    judge_hub,
    judge_registries,
)
from curate.doctor.judgments.engine import (
    EngineFacts,
    judge_buildkit,
    judge_engine,
    judge_sandboxes,
)
from curate.doctor.judgments.machine import (
    CgroupFacts,
    DiskFacts,
    KernelFacts,
    judge_cgroups,
    judge_disks,
    judge_inodes,
    judge_kernel,
    judge_limits,
)
from curate.doctor.judgments.network import (
    BundleFacts,
    IndexFacts,
    judge_bundles,
    judge_clock,
    judge_index,
    judge_network,
    judge_proxies,
)
from curate.doctor.judgments.stored import (
    FolderFacts,
    MirrorFacts,
    StoreFacts,
    judge_folder,
    judge_mirrors,
    judge_settings,
    judge_store,
)
from curate.doctor.judgments.tools import (
    GitFacts,
    LibraryFacts,
    judge_git,
    judge_git_host,
    judge_libraries,
    judge_python,
    judge_uv,
)
from curate.doctor.mask import find_secrets, mask_text
from curate.doctor.model import Check, Job, make_failure, make_ok, make_warning
from curate.doctor.parallel import call_all
from curate.doctor.probes.network import read_index

GIB = 1 << 30
ALL = "crawl validate publish"
PATH = "/usr/bin/git"


def disk(free: float, inodes: float = 0.5, *jobs: Job) -> DiskFacts:
    return DiskFacts(
        label="cache",
        path="/c",
        free_bytes=int(free * GIB),
        needed_bytes=4 * GIB,
        wanted_bytes=8 * GIB,
        free_inodes=inodes,
        jobs=jobs or (Job.VALIDATE,),
    )


GOOD_TOKEN = TokenFacts(number=1, remaining=4900, limit=5000, reset="14:00 UTC")
BAD_TOKEN = TokenFacts(number=2, is_rejected=True)
SILENT_TOKEN = TokenFacts(number=3, fault="api.github.com does not answer")
SPENT_TOKEN = TokenFacts(number=1, remaining=3, limit=5000, reset="14:00 UTC")
DOCKER = EngineFacts(version="28", driver="overlay2", runtimes=["runc"])
PUSHING = RegistryFacts(registry="r/x", user="me", status=202)

JUDGED: list[tuple[Check, str, str]] = [  # status and jobs that would fail
    (judge_python((3, 12, 1), "p"), "ok", ""),
    (judge_python((3, 10, 9), "p"), "failure", ALL),
    (judge_libraries(LibraryFacts(curate="1", versions=[("rich", "14")])), "ok", ""),
    (judge_libraries(LibraryFacts(curate="1", is_installed=False)), "ok", ""),
    (judge_libraries(LibraryFacts(curate="1", missing=["rich>=13"])), "failure", ALL),
    (judge_libraries(LibraryFacts(curate="1", unfit=["rich 9 (needs >=13)"])), "warning", ""),
    (judge_git(GitFacts()), "failure", ALL),
    (judge_git(GitFacts(version=(2, 30, 9), path=PATH)), "failure", ALL),
    (judge_git(GitFacts(version=(2, 31), can_clone_partially=True, path=PATH)), "ok", ""),
    (judge_git(GitFacts(version=(3, 0), can_clone_partially=True, path=PATH)), "ok", ""),
    (judge_git(GitFacts(version=(2, 47, 1), path=PATH)), "warning", ""),
    (judge_git_host("github.com", "", has_mirrors=False), "ok", ""),
    (judge_git_host("github.com", "no route", has_mirrors=False), "failure", "crawl"),
    (judge_git_host("github.com", "no route", has_mirrors=True), "warning", ""),
    (judge_uv("uv 0.13", ""), "ok", ""),
    (judge_uv("", "not installed"), "failure", "validate"),
    (judge_kernel(KernelFacts(system="Linux", release="6", machine="x86_64")), "ok", ""),
    (judge_kernel(KernelFacts(system="Linux", release="6", machine="aarch64")), "warning", ""),
    (judge_kernel(KernelFacts(system="Darwin", release="24", machine="arm64")), "warning", ""),
    (
        judge_cgroups(
            CgroupFacts(mode="v2", controllers=frozenset({"cpu", "memory", "pids"})), "docker"
        ),
        "ok",
        "",
    ),
    (
        judge_cgroups(CgroupFacts(mode="v1", controllers=frozenset({"cpu"})), "podman"),
        "warning",
        "",
    ),
    (judge_cgroups(CgroupFacts(mode="none"), "local"), "ok", ""),
    (judge_disks([disk(100)]), "ok", ""),
    (judge_disks([disk(5)]), "warning", ""),
    (judge_disks([disk(100), disk(3)]), "failure", "validate"),
    (judge_disks([disk(3, 0.5, Job.PUBLISH), disk(0)]), "failure", "validate publish"),
    (judge_inodes([disk(1, 0.5)]), "ok", ""),
    (judge_inodes([disk(1, 0.05)]), "warning", ""),
    (judge_inodes([disk(1, 0.01)]), "failure", "validate"),
    (judge_limits(None, None), "ok", ""),
    (judge_limits(1024, 4096), "ok", ""),
    (judge_limits(512, 4096), "warning", ""),
    (judge_limits(4096, 100), "warning", ""),
    (judge_limits(64, None), "failure", "validate"),
    (judge_engine(DOCKER, "docker", ""), "ok", ""),
    (judge_engine(DOCKER, "docker", "runc"), "ok", ""),
    (judge_engine(DOCKER, "docker", "runsc"), "failure", "validate"),
    (judge_engine(EngineFacts(version="28", driver="vfs"), "docker", ""), "warning", ""),
    (
        judge_engine(EngineFacts(version="28", driver="overlay2", lacks=["pids"]), "docker", ""),
        "warning",
        "",
    ),
    (
        judge_engine(EngineFacts(fault="Connection refused"), "docker", ""),
        "failure",
        "validate publish",
    ),
    (judge_engine(EngineFacts(fault="Connection refused"), "local", ""), "skipped", ""),
    (judge_engine(EngineFacts(fault="Connection refused"), "podman", ""), "skipped", ""),
    (judge_buildkit("docker buildx build", "", "docker"), "ok", ""),
    (judge_buildkit("", "none", "docker"), "failure", "validate"),
    (judge_buildkit("", "none", "local"), "skipped", ""),
    (judge_sandboxes({"docker": "", "local": ""}, "docker"), "ok", ""),
    (judge_sandboxes({"docker": "refused", "local": ""}, "docker"), "failure", "validate"),
    (judge_sandboxes({"docker": "refused", "local": ""}, "local"), "ok", ""),
    (judge_sandboxes({"docker": "refused", "local": "no git"}, "local"), "failure", "validate"),
    (judge_network({"github": "", "index": ""}), "ok", ""),
    (judge_network({"github": "", "index": "silent"}), "warning", ""),
    (judge_network({"github": "silent", "index": ""}), "failure", "crawl"),
    (judge_clock(None), "skipped", ""),
    (judge_clock(-2.5), "ok", ""),
    (judge_clock(300), "warning", ""),
    (judge_clock(-300), "warning", ""),
    (judge_clock(90_000), "failure", ALL),
    (judge_clock(-90_000), "failure", ALL),
    (judge_proxies({}), "skipped", ""),
    (judge_proxies({"p:3128": ""}), "ok", ""),
    (judge_proxies({"p:3128": "", "q:3128": "Connection refused"}), "failure", ALL),
    (judge_bundles([]), "skipped", ""),
    (judge_bundles([BundleFacts(name="ca_bundle", path="/a", certificates=3)]), "ok", ""),
    (judge_bundles([BundleFacts(name="ca_bundle", path="/a", fault="no file")]), "failure", ALL),
    (judge_index(IndexFacts(address="i", files=3, dated_files=3, is_json=True)), "ok", ""),
    (judge_index(IndexFacts(address="i", files=3, dated_files=2, is_json=True)), "warning", ""),
    (judge_index(IndexFacts(address="i", files=3, is_json=True)), "failure", "validate"),
    (judge_index(IndexFacts(address="i", files=3)), "failure", "validate"),
    (judge_index(IndexFacts(address="i")), "failure", "validate"),
    (judge_index(IndexFacts(address="i", fault="silent")), "failure", "validate"),
    (judge_github_tokens([], is_required=True), "failure", "crawl"),
    (judge_github_tokens([], is_required=False), "skipped", ""),
    (judge_github_tokens([GOOD_TOKEN], is_required=True), "ok", ""),
    (judge_github_tokens([GOOD_TOKEN, BAD_TOKEN], is_required=True), "warning", ""),
    (judge_github_tokens([BAD_TOKEN], is_required=False), "failure", "crawl"),
    (judge_github_tokens([SILENT_TOKEN], is_required=True), "failure", "crawl"),
    (judge_github_tokens([SPENT_TOKEN], is_required=True), "warning", ""),
    (judge_hub(HubFacts(), ""), "skipped", ""),
    (judge_hub(HubFacts(), "me/x"), "failure", "publish"),
    (judge_hub(HubFacts(has_token=True, is_rejected=True), ""), "warning", ""),
    (judge_hub(HubFacts(has_token=True, is_rejected=True), "me/x"), "failure", "publish"),
    (judge_hub(HubFacts(has_token=True, user="me", role="read"), ""), "warning", ""),
    (judge_hub(HubFacts(has_token=True, user="me", role="read"), "me/x"), "failure", "publish"),
    (judge_hub(HubFacts(has_token=True, user="me", role="write", owners=["me"]), "me/x"), "ok", ""),
    (
        judge_hub(HubFacts(has_token=True, user="me", role="write", owners=["me"]), "lab/x"),
        "failure",
        "publish",
    ),
    (judge_registries([], pushed=""), "skipped", ""),
    (judge_registries([PUSHING], pushed="r/x"), "ok", ""),
    (
        judge_registries([RegistryFacts(registry="r/x", status=401)], pushed="r/x"),
        "failure",
        "publish",
    ),
    (
        judge_registries([RegistryFacts(registry="r/x", status=403)], pushed=""),
        "failure",
        "validate",
    ),
    (
        judge_registries([RegistryFacts(registry="r/x", fault="silent")], pushed="r/x"),
        "failure",
        "publish",
    ),
    (
        judge_registries([RegistryFacts(registry="r", status=202, is_cancelled=False)], pushed="r"),
        "warning",
        "",
    ),
    (judge_settings([], []), "ok", ""),
    (judge_settings([], ["recipes_dir = x does not exist"]), "failure", ALL),
    (judge_folder(FolderFacts(path="data")), "ok", ""),
    (judge_folder(FolderFacts(path="data", exists=True, is_directory=False)), "failure", ALL),
    (judge_folder(FolderFacts(path="data", exists=True, is_writable=False)), "failure", ALL),
    (judge_store(StoreFacts()), "skipped", ""),
    (judge_store(StoreFacts(exists=True, format_version=10)), "ok", ""),
    (judge_store(StoreFacts(exists=True, is_checked=False)), "ok", ""),
    (judge_store(StoreFacts(exists=True, unfinished=2)), "warning", ""),
    (judge_store(StoreFacts(exists=True, damage="page 7 is never used")), "failure", ALL),
    (judge_store(StoreFacts(exists=True, fault="format 11", hint="Upgrade.")), "failure", ALL),
    (judge_mirrors(MirrorFacts()), "skipped", ""),
    (judge_mirrors(MirrorFacts(count=2, size_bytes=10)), "ok", ""),
    (judge_mirrors(MirrorFacts(count=2, partial=["a.git"])), "warning", ""),
    (judge_mirrors(MirrorFacts(count=2, broken=["a.git"])), "failure", "crawl validate"),
    (judge_mirrors(MirrorFacts(fault="Permission denied")), "failure", "crawl"),
]


@pytest.mark.parametrize(("check", "status", "jobs"), JUDGED)
def test_facts_are_judged(check: Check, status: str, jobs: str) -> None:
    assert (check.status, list(check.jobs)) == (status, jobs.split())
    assert check.found
    if status in {"warning", "failure"}:
        assert check.remedy


def test_a_hub_that_does_not_answer_leads_to_the_network() -> None:
    check = judge_hub(HubFacts(has_token=True, fault="the Hub is silent"), "me/x")
    assert (check.status, check.remedy) == ("failure", "Check the network and HF_ENDPOINT.")


def test_a_denied_socket_leads_to_the_group_of_the_engine() -> None:
    check = judge_engine(EngineFacts(fault="Permission denied: /var/run/docker.sock"), "docker", "")
    assert "usermod" in check.remedy


def test_what_a_registry_needs_depends_on_the_login() -> None:
    denied = RegistryFacts(registry="ghcr.io/lab", status=401)
    assert judge_registries([denied], pushed="").remedy == "Log in: docker login ghcr.io"
    known = RegistryFacts(registry="ghcr.io/lab", status=403, user="me", detail="denied")
    check = judge_registries([known], pushed="")
    assert "may not push, as me (403: denied)" in check.found and "right to push" in check.remedy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at /home/me/data, /home/me", "at ~/data, ~"),
        ("/home/meg/data /mnt/home/me", "/home/meg/data /mnt/home/me"),
        ("http://me:geheim@proxy:3128/", "http://***@proxy:3128/"),
        ("ghp_0123456789abcdef rejected", "*** rejected"),
        ("github_pat_11ABCDEFG_xyz and hf_abcdefghij", "*** and ***"),
        (
            "the word is swordfish, in tokens fish-one,fish-two",
            "the word is ***, in tokens ***,***",
        ),
    ],
)
def test_secrets_and_the_home_folder_are_masked(text: str, expected: str) -> None:
    environment = {
        "GITHUB_TOKENS": "fish-one, fish-two",
        "MY_PASSWORD": "swordfish",
        "SHELL": "data",
    }
    assert mask_text(text, find_secrets(environment), "/home/me/") == expected


def test_a_home_that_is_the_root_folder_masks_nothing() -> None:
    assert mask_text("/usr/bin/git", [], "/") == "/usr/bin/git"


@pytest.mark.parametrize(
    ("text", "files", "dated"),
    [
        ('{"files": [{"upload-time": "2020-01-01T00:00:00Z"}, {}]}', 2, 1),
        ('{"files": []}', 0, 0),
        ('<!DOCTYPE html><a href="x">x</a><a href="y">y</a>', 2, 0),
        ("[" * 100_000, 0, 0),
        ("", 0, 0),
        ('{"files": [1, 2]}', 0, 0),
        ("null", 0, 0),
    ],
)
def test_pages_of_an_index_are_read(text: str, files: int, dated: int) -> None:
    facts = read_index("i", text)
    assert (facts.files, facts.dated_files) == (files, dated)


def test_a_call_that_hangs_or_fails_keeps_no_other_waiting() -> None:
    ended = threading.Event()
    error = ValueError("x")

    def fail() -> int:
        raise error

    began = time.monotonic()
    outcomes = call_all([lambda: 1, ended.wait, fail, lambda: 2], 0.2)
    ended.set()
    assert outcomes == [1, None, error, 2]
    assert time.monotonic() - began < 60


LONG = make_failure(
    "github-tokens",
    "token 1: rejected: invalid, expired or revoked " * 3,
    "Set it again. " * 8,
    [Job.CRAWL],
)


@pytest.mark.parametrize("width", [30, 40, 59, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = list(render_check(LONG, width))
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert words.startswith("failure github-tokens token 1: rejected:")
    assert words.count("Set it again.") == 8 and "Fix: Set" in words


def test_piped_lines_are_never_wrapped() -> None:
    assert len(list(render_check(LONG, 1_000_000))) == 2


def test_the_last_line_counts_and_names_what_would_fail() -> None:
    assert summarize([make_ok("git", "2")]) == "All is well."
    assert summarize([make_warning("a", "b", "c")] * 2) == "2 warnings."
    expected = "1 failure, 1 warning. As things are, these would fail: crawl."
    assert summarize([LONG, make_warning("a", "b", "c")]) == expected
