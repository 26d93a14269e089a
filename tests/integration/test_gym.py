"""Environments for agents, on the sample project as it was validated: in containers and locally."""

import asyncio
import base64
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from curate import gym
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.settings import Settings, read_settings
from curate.harness.grade import GradeReason
from tests.demo.stage import prepared

pytestmark = pytest.mark.xdist_group("builds")
SANDBOXES = ["local", *(["docker"] if os.environ.get("CURATE_INTEGRATION") else [])]
NAME = "curate-samples__tidytable-4"


@dataclass(frozen=True, kw_only=True)
class Validated:
    settings: Settings
    sandbox: str

    def make(self, **options: Any) -> gym.Environment:
        options = {"sandbox": self.sandbox} | options
        return gym.make(NAME, settings=self.settings, **options)


@pytest.fixture(scope="module", params=SANDBOXES)
def validated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Validated]:
    """One instance of the sample project, validated in the sandbox."""
    with prepared(tmp_path_factory.mktemp("gym") / "demo") as stage:
        place = ("--github-api-url", stage.api_url, "--mirror", str(stage.mirror))
        stage.curate("crawl", stage.sample.name, *place)
        stage.curate("validate", "--sandbox", request.param, "--no-test-strength", NAME)
        names = ("DATA_DIR", "CACHE_DIR", "RECIPES_DIR")
        flags = {name.lower(): Path(stage.variables[f"CURATE_{name}"]) for name in names}
        yield Validated(settings=read_settings(flags), sandbox=request.param)


@pytest.fixture
def env(validated: Validated) -> Iterator[gym.Environment]:
    with validated.make() as made:
        made.reset()
        yield made


def apply(env: gym.Environment, patch: bytes) -> None:
    coded = base64.encodebytes(patch).decode()
    _, _, _, _, info = env.step(f"base64 -d <<'END' | git apply --whitespace=nowarn\n{coded}END")
    assert info["exit_code"] == 0


def test_reset_shows_the_task_and_step_runs_commands(env: gym.Environment) -> None:
    observation, info = env.reset(seed=7)
    assert observation == env.task.problem_statement != ""
    assert (info["instance_id"], info["base_commit"]) == (NAME, env.task.base_commit)
    assert info["snapshot_method"] in ("overlay", "copy")
    observation, reward, terminated, truncated, info = env.step("git rev-parse HEAD; exit 3")
    assert env.task.base_commit not in observation or reward == 0.0
    assert (reward, terminated, truncated, info["exit_code"]) == (0.0, False, False, None)
    assert "exit code 3" in info["new_shell"]


def test_fix_earns_one_nothing_and_a_broken_fix_earn_nothing(env: gym.Environment) -> None:
    assert env.submit().reason is GradeReason.EMPTY
    env.reset()
    apply(env, env.task.gold)
    grade = env.submit()
    assert (grade.resolved, grade.reward) == (True, 1.0), grade
    with pytest.raises(ConfigurationError, match="over"):
        env.step("true")
    assert env.submit(env.task.gold).resolved
    env.reset()
    env.step("git ls-files '*.py' | grep -v test | while read f; do echo 'raise 1' >> $f; done")
    observation, reward, terminated, truncated, info = env.step(gym.SUBMIT)
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert not info["grade"].resolved


def test_solution_tests_and_later_history_are_not_there(env: gym.Environment) -> None:
    for patch in (env.task.gold, env.task.test_patch):
        lines = [line[1:] for line in patch.decode().splitlines() if line.startswith("+")]
        longest = max((line for line in lines if not line.startswith("++")), key=len)
        coded = base64.b64encode(longest.strip().encode()).decode()
        place = "/" if env.options.sandbox == "docker" else "$PWD/.."
        found, *_ = env.step(
            f'grep -rlFs -e "$(echo {coded} | base64 -d)" {place} --exclude-dir=proc'
            " --exclude-dir=sys --exclude-dir=dev"
        )
        assert found == ""
        objects = "git cat-file --batch-all-objects --batch"
        found, *_ = env.step(f'{objects} | grep -acF -e "$(echo {coded} | base64 -d)"')
        assert found == "0\n"
    dates, *_ = env.step(
        "git log -1 --format=%ct; git cat-file --batch-all-objects --batch-check |"
        " awk '$2 == \"commit\" { print $1 }' | xargs git log --no-walk --format=%ct"
    )
    base, *others = map(int, dates.split())
    assert others and max(others) <= base


def test_patch_does_not_depend_on_the_agents_git(env: gym.Environment, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    mark.parent.chmod(0o777)
    script = f"""
        mkdir -p .git/hooks; for hook in pre-commit post-index-change; do
            echo 'touch {mark}' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done
        git config filter.evil.clean 'touch {mark}'; git config filter.evil.smudge 'touch {mark}'
        git config core.fsmonitor 'touch {mark}'; git config diff.evil.command 'touch {mark}'
        git config diff.external 'touch {mark}'
        echo '* filter=evil diff=evil' > .gitattributes; echo '*' > .gitignore
        echo content > ignored.txt; printf '\\0\\1' > binary; ln -s /etc/passwd link
        git init -q nested; echo x > nested/file; git add -A -f; rm -rf .git/objects
    """
    env.step(script)
    mark.unlink(missing_ok=True)
    patch = env.diff()
    assert not mark.exists()
    for part in (b"ignored.txt", b"GIT binary patch", b"nested/file", b"120000", b".gitignore"):
        assert part in patch
    assert b".git/" not in patch
    env.step("rm -rf .git")
    assert env.diff() == patch


def test_unreadable_and_huge_files_are_graded(env: gym.Environment) -> None:
    apply(env, env.task.gold)
    env.step("echo x > unreadable; mkdir closed; echo y > closed/y; chmod 000 unreadable closed .")
    assert env.step("exit 1")[4]["new_shell"]
    patch = env.diff()
    assert b"+++ b/unreadable" in patch and b"+++ b/closed/y" in patch
    assert env.submit().resolved
    env.reset()
    env.step("truncate -s 100M huge")
    assert env.submit().reason is GradeReason.TOO_LARGE
    env.reset()
    env.step("for i in 1 2 3 4 5; do truncate -s 60M huge$i; done")
    assert env.submit().reason is GradeReason.TOO_LARGE


def test_episode_goes_back_and_forks(env: gym.Environment) -> None:
    env.step("echo 1 > new; x=1")
    name = env.snapshot()
    env.step("rm -rf *; x=2")
    with env.fork() as twin:
        assert twin.step("ls; echo $x")[0] == "2\n"
        env.restore(name)
        assert env.step("cat new; echo $x")[0] == "1\n1\n"
        assert twin.step("ls; echo $x")[0] == "2\n"
    apply(env, env.task.gold)
    assert env.submit().resolved
    env.restore(name)
    assert env.step("cat new")[0] == "1\n"
    with pytest.raises(NotFoundError, match="no snapshot"):
        env.restore("other")
    env.reset()
    with pytest.raises(NotFoundError):
        env.restore(name)


def test_limits_of_an_episode(validated: Validated) -> None:
    with validated.make(max_steps=2, step_seconds=0.5, output_bytes=300) as env:
        with pytest.raises(ConfigurationError, match="started"):
            env.step("true")
        env.reset()
        assert env.step("sleep 30")[4]["timed_out"]
        observation, _, terminated, truncated, info = env.step("seq 1000")
        assert (terminated, truncated, info["steps"]) == (False, True, 2)
        assert len(observation) < 400 < info["output_bytes"]
    with pytest.raises(ConfigurationError, match="closed"):
        env.reset()
    with pytest.raises(NotFoundError):
        gym.make("no__such-1", settings=validated.settings, sandbox=validated.sandbox)


def curate(validated: Validated, *arguments: str) -> list[str]:
    folders = ("data_dir", "cache_dir")
    options = [f"--{it.replace('_', '-')}={getattr(validated.settings, it)}" for it in folders]
    command, *rest = arguments
    return [
        *(sys.executable, "-m", "curate", *options),
        *(command, NAME, "--sandbox", validated.sandbox, *rest),
    ]


def test_run_passes_input_output_and_exit_code_on(validated: Validated) -> None:
    script = "git rev-parse --is-inside-work-tree; cat; echo error >&2; exit 7"
    command = curate(validated, "run", "--", "sh", "-c", script)
    content = bytes(range(256)) * 1000
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    assert done.returncode == 7, done.stderr
    assert done.stdout == b"true\n" + content
    assert done.stderr.endswith(b"error\n")
    command = curate(validated, "run", "--", "no-such-program")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (127, b"")


def test_shell_has_a_terminal_and_leaves_a_patch(validated: Validated, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = curate(validated, "shell", "--patch", str(tmp_path / "made.patch"))
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        printed = read_until(ours, "$ ", "# ")
        # printed by what Ctrl-C must end: bash itself would go on to the next command
        line = b"""sh -c 'test -t 0 && echo "a ter""minal" && exec sleep 300'\n"""
        os.write(ours, line)
        printed = read_until(ours, "a terminal")
        os.write(ours, b"\x03")
        os.write(ours, b"echo $((6 * 7)) > made; exit 5\n")
        assert process.wait(60) == 5, printed
    os.close(ours)
    patch = (tmp_path / "made.patch").read_text()
    assert "+++ b/made" in patch
    assert "+42" in patch


def read_until(terminal: int, *ends: str) -> str:
    """What the terminal shows until one of *ends* is there."""
    shown = ""
    while not any(end in shown for end in ends):
        shown += os.read(terminal, 1 << 16).decode("utf-8", "replace")
    return shown


def test_kill_of_the_owner_leaves_nothing_after_the_next_start(validated: Validated) -> None:
    folders = validated.settings.cache_dir / "sessions"
    before = set(folders.iterdir())
    command = curate(validated, "run", "--", "sh", "-c", "touch here; echo up; sleep 300.25")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.kill()
    assert line == b"up\n"
    (left,) = set(folders.iterdir()) - before
    subprocess.run(curate(validated, "run", "--", "true"), stdin=subprocess.DEVNULL, check=True)
    assert not left.exists()
    deadline = time.monotonic() + 20
    while _is_running("300.25") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_running("300.25")


def _is_running(argument: str) -> bool:
    return any(argument in (it.info["cmdline"] or ()) for it in psutil.process_iter(["cmdline"]))


def test_asyncio_twin_works_on_many_at_once(validated: Validated) -> None:
    async def play(number: int) -> str:
        async with gym.AsyncEnvironment(validated.make(warm=0)) as env:
            await env.reset()
            await env.step(f"x={number}")
            name = await env.snapshot()
            await env.step("x=0")
            await env.restore(name)
            twin = await env.fork()
            observation, *_ = await twin.step("echo $x")
            await twin.close()
            return observation

    async def play_all() -> list[str]:
        return await asyncio.gather(*map(play, range(6)))

    assert asyncio.run(play_all()) == [f"{number}\n" for number in range(6)]


@pytest.mark.heavy
def test_fifty_environments_at_once(validated: Validated) -> None:
    environments = [validated.make(warm=0) for _ in range(50)]
    found: dict[int, str] = {}
    barrier = threading.Barrier(50)

    def play(number: int) -> None:
        env = environments[number]
        env.reset()
        env.step(f"echo {number} > mine; x={number}")
        barrier.wait(120)  # all are open
        found[number] = env.step("cat mine; echo $x; git status --short")[0]
        env.close()

    threads = [threading.Thread(target=play, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: f"{number}\n{number}\n?? mine\n" for number in range(50)}
