"""Time and memory of a container, as its script reads them from cgroup v1 or v2."""

import subprocess
from pathlib import Path

import pytest

from curate.builders.sandbox.resource_usage import cpu_seconds_used, parse_resource_usage
from curate.builders.sandbox.run_script import render_resource_usage

# As kernel 6.1 writes them.
V2 = {
    "cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
    "cpu.stat": """\
usage_usec 2500000
user_usec 2000000
system_usec 500000
core_sched.force_idle_usec 0
nr_periods 40
nr_throttled 3
throttled_usec 120000
nr_bursts 0
burst_usec 0
""",
    "memory.events": "low 0\nhigh 0\nmax 31\noom 1\noom_kill {oom}\noom_group_kill 0\n",
}
V1 = {
    "cpuacct/cpuacct.usage": "2500000000\n",
    "cpuacct/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill {oom}\n",
}
OLDER_V1 = {**V1, "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"}  # before 4.13
HYBRID = {**V1, "unified/cgroup.procs": "1\n"}


def account(folder: Path, files: dict[str, str], kills: int) -> dict[str, int]:
    """What the script would have written in a container with *files*."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{oom}", str(kills)))
    script = render_resource_usage(str(folder)) + "resource_usage\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert done.stderr == b""
    return parse_resource_usage(done.stdout)


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize("files", [V2, V1, HYBRID], ids=["v2", "v1", "hybrid"])
def test_time_and_memory(files: dict[str, str], kills: int, tmp_path: Path) -> None:
    found = account(tmp_path, files, kills)
    assert cpu_seconds_used(found) == 2.5
    assert found["oom_kill"] == kills


def test_a_kernel_that_does_not_count_kills(tmp_path: Path) -> None:
    found = account(tmp_path, OLDER_V1, 0)
    assert cpu_seconds_used(found) == 2.5
    assert "oom_kill" not in found


def test_without_a_cgroup_there_is_the_time_of_the_shell(tmp_path: Path) -> None:
    found = account(tmp_path, {}, 0)
    assert set(found) == {"shell_usec"} and cpu_seconds_used(found) < 5
    assert cpu_seconds_used({}) == 0.0


def test_no_time_is_counted_twice(tmp_path: Path) -> None:
    """Where both versions are to be seen, they tell of the same processes."""
    assert cpu_seconds_used(account(tmp_path, {**V1, **V2}, 0)) == 2.5
