"""What every living sandbox must do with commands and snapshots: one list, put through each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.builders.model import RunStatus
from curate.builders.session.model import CommandResult, Session

FILES: Mapping[str, str | bytes] = {
    "module.py": "def answer():\n    return 41\n",
    "data.bin": bytes(range(256)),
    "folder/test_module.py": "from module import answer\n",
}
STEP_SECONDS = 20.0
OUTPUT_BYTES = 4000


def run(session: Session, command: str, seconds: float = STEP_SECONDS) -> CommandResult:
    return session.run(command.encode(), seconds, OUTPUT_BYTES)


def say(session: Session, command: str) -> str:
    """What *command* prints; it must succeed."""
    result = run(session, command)
    assert result.exit_code == 0, result
    return result.output.decode()


@dataclass(frozen=True, kw_only=True)
class Step:
    command: str
    output: str | None = ""  # None = anything
    code: int | None = 0
    seconds: float = STEP_SECONDS
    timed_out: bool = False
    new_shell: str = ""  # words of the reason; "" = the shell is the same

    def check(self, session: Session) -> None:
        result = run(session, self.command, self.seconds)
        assert result.exit_code == self.code, result
        assert result.timed_out is self.timed_out, result
        assert (self.new_shell in result.new_shell) is True, result
        assert bool(result.new_shell) is bool(self.new_shell), result
        if self.output is not None:
            assert result.output.decode("utf-8", "replace") == self.output


@dataclass(frozen=True, kw_only=True)
class Conversation:
    name: str
    steps: Sequence[Step] = field(default_factory=tuple)

    def check(self, session: Session) -> None:
        for step in self.steps:
            step.check(session)


def hang(command: str, code: int | None = None, *, new_shell: str = "") -> Sequence[Step]:
    """*command* does not end; what was set before is still there, unless the shell is new."""
    kept = "" if new_shell else "kept"
    return (
        Step(command="STATE=kept"),
        Step(
            command=command,
            output=None,
            code=code,
            seconds=0.5,
            timed_out=True,
            new_shell=new_shell,
        ),
        Step(command="trap - INT; echo $STATE", output=f"{kept}\n"),
    )


IGNORING = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
CONVERSATIONS = (
    Conversation(
        name="state stays",
        steps=(
            Step(command="cd folder; export A=1; b=2; f() { echo f$1; }; alias hi='echo hi'"),
            Step(command="basename $PWD; echo $A$b; f 3; hi", output="folder\n12\nf3\nhi\n"),
            Step(command="env | grep ^A=", output="A=1\n"),
            Step(command="set -o pipefail; false | true", code=1),
        ),
    ),
    Conversation(
        name="exit codes",
        steps=(
            Step(command="(exit 7)", code=7),
            Step(command="echo $?", output="7\n"),
            Step(command="echo $?", output="0\n"),
            Step(command="no-such-command-here", output=None, code=127),
            Step(command="sh -c 'kill -9 $$'", output=None, code=137),
        ),
    ),
    Conversation(
        name="texts of all kinds",
        steps=(
            Step(command="cat <<'E'\n$a \\ 'b' \"c\"\nE", output="$a \\ 'b' \"c\"\n"),
            Step(command="echo 'one\ntwo'\n# a comment\necho three", output="one\ntwo\nthree\n"),
            Step(command="echo \\", output="\\\n"),
            Step(command="", output=""),
            Step(command="  \n\t ", output=""),
            Step(command="echo ü€𝄞; echo '!!' %d %s", output="ü€𝄞\n!! %d %s\n"),
            Step(command=f"echo {'x' * 70_000} | wc -c", output="70001\n"),
        ),
    ),
    Conversation(
        name="syntax errors",
        steps=(
            Step(command="x=1"),
            Step(command="if then", output=None, code=2),
            Step(command="echo 'unclosed", output=None, code=2),
            Step(command="echo $(", output=None, code=1),
            Step(command="echo $x", output="1\n"),
        ),
    ),
    Conversation(
        name="no input",
        steps=(
            Step(command="cat; read x; echo $?", output="1\n"),
            Step(command="python -c 'import sys; print(len(sys.stdin.read()))'", output="0\n"),
            Step(command="echo piped | cat", output="piped\n"),
        ),
    ),
    Conversation(
        name="the end of a command cannot be printed",
        steps=(
            Step(command="printf '0\\0' >&63", output=None, code=1),
            Step(command="ls -x /proc/self/fd", output=None),
            Step(command="printf '0\\0\\n'; sleep 0.1; echo after", output="0\0\nafter\n"),
        ),
    ),
    Conversation(
        name="redirections of the shell last one command",
        steps=(
            Step(command="exec >/dev/null 2>&1; echo lost", output=""),
            Step(command="echo back", output="back\n"),
            Step(command="exec 7<module.py"),
            Step(command="head -1 <&7", output="def answer():\n"),
        ),
    ),
    Conversation(
        name="options that a script sets",
        steps=(
            Step(command="set -u; echo ${nothing:-default}", output="default\n"),
            Step(command="set +u; set -x; echo a", output="++ echo a\na\n"),
            Step(command="set +x", output=None),
            Step(command="IFS=,; a='1,2'; echo $a; unset IFS", output="1 2\n"),
        ),
    ),
    Conversation(
        name="background jobs",
        steps=(
            Step(command="sleep 60 & echo $! > pid", output=None),
            Step(command="kill -0 $(cat pid) && echo alive", output="alive\n"),
            Step(command="kill %1; wait; echo ended", output=None),
        ),
    ),
    Conversation(name="a command that hangs", steps=hang("sleep 60")),
    Conversation(name="a loop that hangs", steps=hang("while :; do sleep 1; done")),
    Conversation(name="a busy loop", steps=hang("while :; do :; done")),
    Conversation(name="a pipeline that hangs", steps=hang("sleep 60 | cat | cat")),
    Conversation(name="interrupts ignored", steps=hang(f"python -c '{IGNORING}'")),
    Conversation(name="interrupts trapped", steps=hang("trap '' INT; sleep 60")),
    Conversation(
        name="a shell that cannot be interrupted",
        steps=hang("trap '' INT; while :; do :; done", new_shell="signal 9"),
    ),
    Conversation(
        name="a command that ends the shell",
        steps=(
            Step(command="cd folder; x=1; exit 3", output=None, code=None, new_shell="code 3"),
            Step(command="ls; echo [$x]", output="data.bin\nfolder\nmodule.py\n[]\n"),
            Step(command="set -e"),
            Step(command="false", output=None, code=None, new_shell="code 1"),
            Step(command="exec echo bye", output="bye\n", code=None, new_shell="code 0"),
            Step(command="kill -9 $$", output=None, code=None, new_shell="signal 9"),
            Step(command="echo here", output="here\n"),
        ),
    ),
)


def check_output_is_cut(session: Session) -> None:
    result = run(session, "echo first; seq 1 200000; echo last")
    assert result.total_bytes > 1_000_000
    assert len(result.output) < OUTPUT_BYTES + 100
    assert result.output.startswith(b"first\n")
    assert result.output.endswith(b"last\n")
    assert b"bytes cut here" in result.output


def check_binary_output(session: Session) -> None:
    assert run(session, "cat data.bin").output == bytes(range(256))


def check_endless_output(session: Session) -> None:
    result = run(session, "yes", seconds=0.5)
    assert result.timed_out
    assert result.total_bytes > OUTPUT_BYTES
    assert say(session, "echo here") == "here\n"


def check_background_output(session: Session) -> None:
    say(session, "{ sleep 0.2; echo late; } & true")
    assert say(session, "sleep 0.6").startswith("late\n")


def check_host_name(session: Session) -> None:
    assert say(session, "python -c 'import socket as s; print(s.gethostbyname(s.gethostname()))'")


def check_no_network(session: Session) -> None:
    lines = say(session, "cat /proc/net/dev").splitlines()
    assert [line.partition(":")[0].strip() for line in lines if ":" in line] == ["lo"]


def check_snapshots(session: Session) -> None:
    say(session, "echo one > new; rm data.bin; export A=1; v=x; g() { echo g; }; cd folder")
    first = session.save()
    say(session, "echo two > ../new; echo more > more; A=2; unset v; cd /; unset -f g")
    second = session.save()
    say(session, "rm -r ~- ; mkdir -p ~-; cd ~-; echo three > ../new; chmod 600 ../module.py")
    session.restore(first)
    assert say(session, "cat ../new; ls; basename $PWD; echo $A$v; g; ls ../data.bin || :") in (
        "one\ntest_module.py\nfolder\n1x\ng\n" + line
        for line in (
            "ls: cannot access '../data.bin': No such file or directory\n",
            "ls: ../data.bin: No such file or directory\n",
        )
    )
    assert say(session, "env | grep ^A=") == "A=1\n"
    session.restore(second)
    assert say(session, "pwd; echo $A$v") == "/\n2\n"
    session.restore(first)
    session.restore(first)
    assert say(session, "cat ../new") == "one\n"


def check_snapshot_of_many_changes(session: Session) -> None:
    say(session, "mkdir many; cd many; for i in $(seq 500); do echo $i > $i; done; STAYS=1")
    kept = session.save()
    assert say(session, "echo $STAYS; basename $PWD; ls | wc -l") == "1\nmany\n500\n"
    say(session, "rm *; echo other > 7")
    session.restore(kept)
    assert say(session, "cat 7; ls | wc -l") == "7\n500\n"


def check_snapshot_keeps_jobs(session: Session) -> None:
    run(session, "(while sleep 0.05; do date +%N > t; mv t tick; done) & sleep 0.3")
    kept = session.save()
    assert say(session, "a=$(cat tick); sleep 0.4; [ $a != $(cat tick) ] && echo runs") == "runs\n"
    session.restore(kept)
    assert say(session, "a=$(cat tick); sleep 0.4; [ $a = $(cat tick) ] && jobs") == ""


def check_fork(session: Session) -> None:
    say(session, "echo mine > new; v=1; cd folder")
    twin = session.fork(session.save())
    try:
        assert say(twin, "cat ../new; echo $v; basename $PWD") == "mine\n1\nfolder\n"
        say(twin, "echo twin > ../new; touch only-here")
        assert say(session, "cat ../new; ls") == "mine\ntest_module.py\n"
    finally:
        twin.close()
    assert say(session, "cat ../new") == "mine\n"


def check_files(session: Session) -> None:
    before = session.list_files()
    assert set(before) == {name.encode() for name in FILES}
    say(
        session,
        "chmod +x module.py; ln -s module.py link; mkdir sub; git init -q sub; echo y>sub/y",
    )
    say(session, "printf 'a\\nb' > $'odd\\nname'; mkfifo pipe; rm folder/test_module.py")
    after = session.list_files()
    assert set(after) - set(before) == {b"link", b"sub/y", b"odd\nname"}
    assert (after[b"module.py"].mode, after[b"link"].mode) == ("100755", "120000")
    found = session.read_files([b"odd\nname", b"link", b"data.bin"])
    assert found == {b"odd\nname": b"a\nb", b"link": b"module.py", b"data.bin": bytes(range(256))}


CHECKS: Sequence[Callable[[Session], None]] = (
    check_output_is_cut,
    check_binary_output,
    check_endless_output,
    check_background_output,
    check_host_name,
    check_no_network,
    check_snapshots,
    check_snapshot_of_many_changes,
    check_snapshot_keeps_jobs,
    check_fork,
    check_files,
)


def check_memory(session: Session) -> None:
    """For a session whose memory is limited to 512 MiB or less."""
    say(session, "echo kept > new")
    result = run(
        session, "python -c 'x = bytearray(1 << 30); x[::4096] = x[::4096]; print(len(x))'"
    )
    assert result.reached_limit is RunStatus.OUT_OF_MEMORY, result
    assert say(session, "cat new") == "kept\n"


def check_processes(session: Session) -> None:
    """For a session whose processes are limited to 200 or less."""
    say(session, "echo kept > new")
    script = "for i in $(seq 400); do sleep 30 & done 2>/dev/null >&2; wait"
    result = run(session, script, seconds=3)
    assert result.reached_limit is RunStatus.OUT_OF_PIDS, result
    assert say(session, "cat new") == "kept\n"


def check_disk(session: Session) -> None:
    """For a session whose disk is limited to 64 MiB or less."""
    script = "for i in $(seq 99); do head -c 20000000 /dev/zero > big$i; sleep 0.1; done"
    result = run(session, script)
    assert result.reached_limit is RunStatus.OUT_OF_DISK, result
    assert result.seconds < STEP_SECONDS - 5
    assert say(session, "rm big*; ls") == "data.bin\nfolder\nmodule.py\n"


def count_layers(folder: Path) -> int:
    """Folders of layers that are not shared."""
    return sum(path.name.isdecimal() for path in folder.iterdir())
