"""The Hub double against the real clients, in a process of their own."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.hub import Fault, HubClient, HubDouble

RunScript = Callable[..., Any]  # gives what the script prints, read as JSON


@pytest.fixture(scope="module")
def hub() -> Iterator[HubDouble]:
    with HubDouble(page_size=3) as double:
        yield double


@pytest.fixture(scope="module")
def client(hub: HubDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunScript]:
    with HubClient(hub, tmp_path_factory.mktemp("home")) as process:
        yield process.run


def test_datasets_client_pushes_loads_and_streams(hub: HubDouble, client: RunScript) -> None:
    said = client(
        """
        import json
        from datasets import Dataset, load_dataset
        from huggingface_hub import HfApi
        rows = Dataset.from_dict({"a": ["x", "y\\u00fc"], "b": [["1"], ["2", "3"]]})
        rows.push_to_hub("curator/rows", private=True, split="train")
        loaded = load_dataset("curator/rows", split="train")
        streamed = list(load_dataset("curator/rows", split="train", streaming=True))
        private = HfApi().dataset_info("curator/rows").private
        print(json.dumps([loaded.to_list(), streamed, private]))
        """
    )
    expected = [{"a": "x", "b": ["1"]}, {"a": "yü", "b": ["2", "3"]}]
    assert said == [expected, expected, True]
    assert hub.files("curator/rows")["data/train-00000-of-00001.parquet"].startswith(b"PAR1")


def test_private_repository_is_invisible_without_token(client: RunScript) -> None:
    said = client(
        """
        import json
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import RepositoryNotFoundError
        from huggingface_hub.utils import get_session
        api = HfApi(token="hf_test")
        api.create_repo("curator/secret", repo_type="dataset", private=True)
        api.create_repo("curator/open", repo_type="dataset")
        refused = []
        for repo in ("secret", "open"):
            for call in (
                lambda r: HfApi(token=False).dataset_info(r),
                lambda r: hf_hub_download(r, ".gitattributes", repo_type="dataset", token=False),
            ):
                try:
                    call("curator/" + repo)
                    refused.append(False)
                except RepositoryNotFoundError:
                    refused.append(True)
        print(json.dumps(refused))
        """,
        token=False,
    )
    assert said == [True, True, False, False]


def test_files_refs_and_conflicts(client: RunScript) -> None:
    said = client(
        """
        import json
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
        from huggingface_hub.errors import RevisionNotFoundError
        api, repo, kind = HfApi(), "curator/files", dict(repo_type="dataset")
        api.create_repo(repo, **kind)
        api.create_repo(repo, exist_ok=True, **kind)
        start = api.dataset_info(repo).sha
        adds = [CommitOperationAdd(f"d/{n}.txt", b"%d" % n) for n in range(7)]
        adds.append(CommitOperationAdd("big.parquet", b"0123456789"))
        first = api.create_commit(repo, adds, commit_message="add", parent_commit=start, **kind)
        out = {"user": api.whoami()["name"]}
        out["tree"] = sorted(f.path for f in api.list_repo_tree(repo, recursive=True, **kind))
        def status(call):
            try:
                call()
            except HfHubHTTPError as error:
                return error.response.status_code
        out["stale"] = status(lambda: api.create_commit(
            repo, [CommitOperationDelete("d/1.txt")], commit_message="x", parent_commit=start,
            **kind))
        out["exists"] = status(lambda: api.create_repo(repo, **kind))
        api.create_tag(repo, tag="v1", revision=first.oid, **kind)
        api.create_branch(repo, branch="side", **kind)
        api.create_commit(repo, [CommitOperationDelete("d/1.txt")], commit_message="del", **kind)
        refs = api.list_repo_refs(repo, **kind)
        out["refs"] = [[b.name for b in refs.branches], [t.name for t in refs.tags]]
        out["titles"] = [c.title for c in api.list_repo_commits(repo, **kind)]
        out["gone"] = [api.file_exists(repo, "d/1.txt", **kind),
                       api.file_exists(repo, "d/1.txt", revision="v1", **kind)]
        info, = api.get_paths_info(repo, ["big.parquet", "no"], **kind)
        out["lfs"] = [info.size, info.lfs.size]
        out["big"] = open(hf_hub_download(repo, "big.parquet", **kind)).read()
        api.delete_tag(repo, tag="v1", **kind)
        api.delete_branch(repo, branch="side", **kind)
        refs = api.list_repo_refs(repo, **kind)
        out["left"] = [len(refs.branches), len(refs.tags)]
        for error, call in (
            (EntryNotFoundError, lambda: hf_hub_download(repo, "no", **kind)),
            (RevisionNotFoundError, lambda: api.dataset_info(repo, revision="no")),
        ):
            try:
                call()
                raise SystemExit("found what is not there")
            except error:
                pass
        print(json.dumps(out))
        """
    )
    names = [".gitattributes", "big.parquet", "d", *(f"d/{n}.txt" for n in range(7))]
    assert said == {
        "user": "curator",
        "tree": names,
        "stale": 412,
        "exists": 409,
        "refs": [["main", "side"], ["v1"]],
        "titles": ["del", "add", "initial commit"],
        "gone": [False, True],
        "lfs": [10, 10],
        "big": "0123456789",
        "left": [1, 0],
    }


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        return answer.status, answer.read()


def test_ranges_and_signed_addresses(hub: HubDouble) -> None:
    repository = hub.state.create("dataset", "curator/ranges", private=False)
    entry = hub.state.entry(b"0123456789", lfs=True)
    repository.add("main", {"a.bin": entry}, "add")
    url = f"{hub.url}/datasets/curator/ranges/resolve/main/a.bin"
    assert fetch(url, Range="bytes=2-4") == (206, b"234")
    assert fetch(url, Range="bytes=-3") == (206, b"789")
    assert fetch(url) == (200, b"0123456789")
    with pytest.raises(urllib.error.HTTPError, match="416"):
        fetch(url, Range="bytes=10-")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(f"{hub.url}/_store/{entry.sha256}")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(url, Authorization="Bearer wrong")


def test_folder_keeps_everything_and_faults_happen_once(tmp_path: Path) -> None:
    with HubDouble(folder=tmp_path) as hub:
        hub.state.create("dataset", "curator/kept", private=True)
        hub.state.save()
    with HubDouble(folder=tmp_path) as hub:
        hub.faults.append(Fault(part="whoami", method="GET", kind="status", status=503))
        assert list(hub.files("curator/kept")) == [".gitattributes"]
        assert hub.state.repositories["dataset", "curator/kept"].private
        with pytest.raises(urllib.error.HTTPError, match="503"):
            fetch(f"{hub.url}/api/whoami-v2", Authorization="Bearer hf_test")
        assert fetch(f"{hub.url}/api/whoami-v2", Authorization="Bearer hf_test")[0] == 200
        assert [seen.status for seen in hub.requests] == [503, 200]


def test_served_from_the_command_line(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    served = subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.hub", "serve", "--port", "0"],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert served.stdout
    try:
        url = served.stdout.readline().strip()
        assert fetch(f"{url}/api/whoami-v2", Authorization="Bearer hf_test")[0] == 200
    finally:
        served.terminate()
        served.wait()
        served.stdout.close()
