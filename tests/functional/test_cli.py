"""Bad input at the command line: one sentence, a hint, an exit code, and nothing lost."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curate.cli.app import COMMANDS, app
from curate.core.model import CrawlState
from curate.store import Store
from tests.doubles.github import GitHubDouble, World
from tests.doubles.github.samples import sample_repository
from tests.helpers.factories import make_candidate, make_pull
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

REPO = "sample/one"


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    def run(*arguments: str, **variables: str) -> Typed:
        return typed(arguments, tmp_path, variables)

    return run


def refused(done: Typed, code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    for word in ("Error: ", *words):
        assert word in done.stderr


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror.git"
    commands: list[list[str | Path]] = [
        ["git", "init", "-q", "--bare", path],
        ["git", "-C", path, "config", "user.email", "a@b"],
    ]
    for command in commands:
        subprocess.run(command, check=True)
    tree = (
        subprocess.run(["git", "-C", path, "mktree"], input=b"", capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
    identity = {
        f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    commit = (
        subprocess.run(
            ["git", "-C", path, "commit-tree", tree, "-m", "first"],
            capture_output=True,
            check=True,
            env=os.environ | identity,
        )
        .stdout.decode()
        .strip()
    )
    subprocess.run(["git", "-C", path, "update-ref", "refs/heads/master", commit], check=True)
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_command_and_each_shows_an_example(name: str) -> None:
    assert f" {name} " in CliRunner().invoke(app, ["--help"]).stdout
    assert "Example: " in CliRunner().invoke(app, [name, "--help"]).stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_short_form_everywhere(name: str) -> None:
    for arguments in (["-h"], [name, "-h"]):
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, "Usage: " in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("curate va", "validate"),
        ("curate publish di", "diff"),
        ("curate validate --rea", "--reason"),
    ],
)
def test_the_shell_completes_commands_and_options(words: str, expected: str) -> None:
    variables = {
        "_CURATE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    command = [sys.executable, "-m", "curate"]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [expected]


def test_the_completion_of_a_shell_is_shown(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curate", "--show-completion", "bash"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "_CURATE_COMPLETE=complete_bash" in done.stdout, done.stderr


def test_an_unknown_command_is_told_with_one_that_is_near(curate: Curate) -> None:
    done = curate("statsu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'statsu'" in done.stderr and "status" in done.stderr


IMPORTED = """
import sys
from curate.__main__ import main
sys.argv = ["curate", *sys.argv[1:]]
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], {"pydantic", "curate.core.settings", "curate.cli.status"}),
        (
            ["--help"],
            {"curate.core.settings", "curate.store", *(f"curate.cli.{c}" for c in COMMANDS)},
        ),
        (["status"], {"curate.cli.crawl", "curate.recipes", "rich.progress", "psutil", "docker"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(
    arguments: list[str], absent: set[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", IMPORTED, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "curate.cli.app" in loaded
    assert not loaded & absent


def test_status_of_nothing_says_where_to_begin(curate: Curate) -> None:
    assert "curate crawl" in curate("status").stdout
    assert curate("status", "--json").stdout.strip() == '{\n  "repositories": {}\n}'


def test_an_unknown_repository(curate: Curate, mirror: Path) -> None:
    with GitHubDouble(World(sample_repository(REPO, 3))) as double:
        done = curate("crawl", "no/such", "--github-api-url", double.url, "--mirror", str(mirror))
    refused(done, 4, "no/such", "Hint: ")


def test_a_wrong_token_is_told_without_showing_it(curate: Curate, mirror: Path) -> None:
    secret = "ghp_" + "x" * 36
    with GitHubDouble(World(sample_repository(REPO, 3)), token="right") as double:
        flags = ("--github-api-url", double.url, "--mirror", str(mirror))
        done = curate("crawl", REPO, *flags, GITHUB_TOKEN=secret)
    refused(done, 5, "Hint: ")
    assert "ghp_" not in done.stderr


COMMANDS_THAT_ASK = (("crawl", "nobody/nothing"), ("repos", "find"))


@pytest.mark.parametrize("command", COMMANDS_THAT_ASK)
def test_what_keeps_github_from_answering_is_told_apart_and_nothing_is_cloned(
    curate: Curate, tmp_path: Path, command: tuple[str, ...]
) -> None:
    def ask(api_url: str = "", **variables: str) -> Typed:
        flags = ("--github-api-url", api_url) if api_url else ()
        return curate(*command, *flags, **variables)

    token = {"GITHUB_TOKEN": "ghp_" + "x" * 36}
    no_network = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    refused(ask(**no_network), 5, "No GitHub token found", "gh auth login")
    refused(ask(**token, **no_network), 6, "proxy does not let requests to api.github.com through")
    refused(ask("api.github.com", **token), 2, "github_api_url is not an HTTP address")
    refused(ask("https://", **token), 2, "github_api_url is not an HTTP address")
    with GitHubDouble(World(), token="right") as double:
        refused(ask(double.url), 5, "No GitHub token found")
        refused(ask(double.url, **token), 5, "rejected the token")
        refused(ask(f"{double.url}/elsewhere", **token), 4, "no GitHub API at 127.0.0.1")
    assert not list(tmp_path.glob("data/mirrors/*"))
    logs = "".join(path.read_text() for path in tmp_path.glob("data/logs/*"))
    assert "xxxx" not in logs


@pytest.mark.parametrize("command", COMMANDS_THAT_ASK)
@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ({"GITHUB_TOKEN": "right"}, {}),
        ({"GH_TOKEN": "right"}, {}),
        ({"GITHUB_TOKENS": "right", "PATH": "bin"}, {"bin/gh": "#!/bin/sh\necho wrong"}),
        ({"GH_ENTERPRISE_TOKEN": "right", "GITHUB_TOKEN": "wrong"}, {}),
        ({"PATH": "bin"}, {"bin/gh": '#!/bin/sh\n[ "$1 $2" = "auth token" ] && echo right'}),
        ({"GH_CONFIG_DIR": "gh", "PATH": ""}, {"gh/hosts.yml": "HOST: {oauth_token: right}"}),
        ({"GH_CONFIG_DIR": "gh", "PATH": ""}, {"gh/hosts.yml": "127.0.0.1: {oauth_token: right}"}),
        (
            {"XDG_CONFIG_HOME": ".", "PATH": "bin"},
            {
                "bin/gh": "#!/bin/sh\nexit 1",
                "gh/hosts.yml": "HOST: {user: b, users: {a: {}, b: {oauth_token: right}}}",
            },
        ),
    ],
)
def test_where_a_token_is_found(
    curate: Curate,
    tmp_path: Path,
    command: tuple[str, ...],
    variables: dict[str, str],
    files: dict[str, str],
) -> None:
    with GitHubDouble(World(), token="right") as double:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("HOST", repr(double.url.removeprefix("http://"))))
            path.chmod(0o700)
        done = curate(*command, "--github-api-url", double.url, **variables)
        assert [it.token for it in double.requests] == ["right"]
    assert done.returncode in (0, 4)


@pytest.mark.parametrize("repo", ["moto", "a/b/c", "https://gitlab.com/a/b", "a b/c", "ä/b"])
def test_a_name_that_is_none(curate: Curate, repo: str) -> None:
    refused(curate("crawl", repo), 2, repo)


def test_a_mirror_that_is_none(curate: Curate, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(curate("crawl", REPO, "--mirror", "folder"), 2, "not a bare git repository")
    refused(curate("crawl", REPO, "--mirror", "absent"), 4, "No mirror in absent")


def test_a_misspelt_recipe_key(curate: Curate, tmp_path: Path, mirror: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sample__one.toml").write_text(f'repo = "{REPO}"\nimport_nam = "x"\n')
    done = curate("--recipes-dir", "mine", "crawl", REPO, "--mirror", str(mirror))
    refused(done, 2, "import_nam", "Perhaps you meant 'import_name'?")


def test_an_unknown_instance(curate: Curate) -> None:
    refused(curate("show", "a__b-1"), 4, "is empty", "Hint: ")
    refused(curate("validate", "a__b-1"), 4, "a__b-1", "Hint: ")
    refused(curate("show", "a__b-1"), 4, "a__b-1", "Hint: ")  # now there is a store


def test_a_data_folder_of_a_newer_version(curate: Curate, tmp_path: Path) -> None:
    import sqlite3

    Store(tmp_path / "data").close()
    with sqlite3.connect(tmp_path / "data/curate.sqlite") as database:
        database.execute("PRAGMA user_version = 77")
    refused(curate("status"), 7, "format 77", "newer curate")


def test_a_data_folder_that_is_a_file(curate: Curate, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    refused(curate("status"), 7, "Hint: ")


def test_an_engine_that_is_not_running_loses_nothing(curate: Curate, tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        store.save_page(REPO, [make_pull(1, repo=REPO)], CrawlState())
        store.save_candidate(make_candidate(1, patch=b"gold"))
    done = curate("validate", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    refused(done, 3, f"responds: No such file or directory: unix://{tmp_path}/none.sock", "Hint: ")
    assert "owner__name-1" in curate("export", "--split", "raw", "-").stdout


def test_a_repository_that_cannot_be_validated_leaves_the_others(
    curate: Curate, tmp_path: Path
) -> None:
    repos = ("a/absent", "b/recipe", "c/corrupt", "d/whole", "e/submodule", "f/stale")
    (tmp_path / "mine").mkdir()
    whole = 'repo = "d/whole"\n[[env]]\nskip = "for the test"\n'
    (tmp_path / "mine/d__whole.toml").write_text(whole)
    (tmp_path / "mine/b__recipe.toml").write_text("no TOML")
    sub = 'repo = "e/submodule"\n[submodules]\nsub = "other/library"\n[[env]]\npython = "3.11"\n'
    (tmp_path / "mine/e__submodule.toml").write_text(sub)
    (tmp_path / "data/mirrors/c__corrupt.git").mkdir(parents=True)
    history = GitHistory.new(tmp_path / "work")
    project = '[project]\nname = "thing"\nversion = "1"\ndependencies = ["thing"]\n'
    head = history.change({"pyproject.toml": project, "tests/test_a.py": "one\n"})
    mirror = history.mirror(tmp_path / "mirror.git")
    for name in ("b__recipe", "d__whole", "e__submodule", "f__stale"):
        (tmp_path / f"data/mirrors/{name}.git").symlink_to(mirror)
    patch = b"diff --git a/tests/test_a.py b/tests/test_a.py\n--- a/tests/test_a.py\n"
    patch += b"+++ b/tests/test_a.py\n@@ -1 +1 @@\n-old\n+one\n"
    commits = {"base_commit": head, "head_commit": head, "test_patch": patch}
    with Store(tmp_path / "data") as store:
        for repo in repos:
            store.save_page(repo, [make_pull(1, repo=repo)], CrawlState())
            name = f"{repo.replace('/', '__')}-1"
            given: dict[str, Any] = {} if repo == "f/stale" else commits
            store.save_candidate(make_candidate(1, instance_id=name, repo=repo, **given))
    done = curate("--recipes-dir", "mine", "validate", "--sandbox", "local")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "REJECTED d__whole-1: recipe/skipped" in done.stderr
    for name, *words in (
        ("a__absent-1", "No mirror of a/absent", "Run: curate --recipes-dir mine crawl a/absent"),
        ("b__recipe-1", "b__recipe.toml is not valid TOML"),
        ("c__corrupt-1", "not a git repository"),
        (
            "e__submodule-1",
            "No mirror of other/library",
            "curate --recipes-dir mine crawl other/library",
        ),
        ("f__stale-1", "missing-objects: commit"),
    ):
        (line,) = [it for it in done.stderr.splitlines() if f"ERROR {name}" in it]
        assert all(word in line for word in words), line
    assert "1 attempted: 0 verified, 1 rejected" in done.stderr


def test_repositories_of_a_benchmark_are_told_before_the_work(
    curate: Curate, tmp_path: Path
) -> None:
    repos = ("Django/django", "owner/name")
    with Store(tmp_path / "data") as store:
        for number, repo in enumerate(repos):
            store.save_page(repo, [make_pull(number, repo=repo)], CrawlState())
            store.save_candidate(make_candidate(number, repo=repo))
    done = curate("validate", "--sandbox", "local")
    (line,) = [it for it in done.stderr.splitlines() if "benchmark-repository" in it]
    assert line.startswith("Warning: Django/django is a repository of swe-bench")
    assert done.stderr.index(line) < done.stderr.index("ERROR ")
    (tmp_path / "mine.toml").write_text("[contamination]\nrepositories = false\n")
    done = curate("validate", "--sandbox", "local", CURATE_RELEASE_FILTERS="mine.toml")
    assert "benchmark-repository" not in done.stderr
    assert "ERROR " in curate("validate", "--sandbox", "local", CURATE_RELEASE_FILTERS="no").stderr


@pytest.mark.parametrize("flags", [("--runs", "0"), ("--sandbox", "moon"), ("--nonsense",)])
def test_flags_that_do_not_fit(curate: Curate, flags: tuple[str, ...]) -> None:
    done = curate("validate", *flags)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert flags[0] in done.stderr


def test_an_unknown_setting(curate: Curate, tmp_path: Path) -> None:
    (tmp_path / "curate.toml").write_text("data_dr = 'x'\n")
    refused(curate("status"), 2, "data_dr", "Perhaps you meant 'data_dir'?")


def test_nothing_to_publish(curate: Curate) -> None:
    refused(curate("publish", "--output", "release"), 2, "Nothing to publish")
    refused(curate("publish", "--hub", "nameless"), 2, "nameless")


def test_how_much_may_stay_must_be_said_before_images_go(curate: Curate) -> None:
    refused(
        curate("images", "prune"), 2, "No size limit given", "--keep GIB", "image_disk_limit_gib"
    )
    refused(
        curate("images", "prune", "--dry-run", CURATE_IMAGE_DISK_LIMIT_GIB="-1"),
        2,
        "image_disk_limit_gib",
    )
