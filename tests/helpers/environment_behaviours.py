"""What an environment does for an agent: one list, for those here and those on a server.

Each is a conversation with an environment of the instance of `local_task`. It returns what it saw,
which must be the same wherever the environment is.
"""

from collections.abc import Callable
from typing import Any

import pytest

from curate.core.errors import ConfigurationError, NotFoundError
from curate.gym.environment import Environment
from curate.harness.grade import Grade, GradeReason
from curate.serve import RemoteEnvironment

AnyEnvironment = Environment | RemoteEnvironment
MakeEnvironment = Callable[..., AnyEnvironment]  # takes options of the environment
Conversation = Callable[[MakeEnvironment], Any]

FIX = "sed -i '0,/return number/s//return 2 * number/' birds.py"


def solve_the_task(make: MakeEnvironment) -> Any:
    """A shell that stays, a diff, and the reward of what was changed."""
    with make() as environment:
        seen: list[Any] = [environment.reset()]
        for command in ("cd tests && x=kestrel", "pwd | sed 's/.*checkout//'; echo $x", "cd .."):
            seen.append(_timeless(environment.step(command)))
        assert "kestrel" in seen[2][0]
        assert environment.diff() == b""
        seen.append(_timeless(environment.step(f"{FIX}; printf '\\377' > odd; false")))
        assert seen[-1][4]["exit_code"] == 1
        diff = environment.diff()
        assert b"return 2 * number" in diff and b"odd" in diff
        grade = environment.submit()
        assert (grade.resolved, grade.reward) == (True, 1.0)
        assert b"2 passed" in grade.output
        return [*seen, diff, _comparable(grade)]


def submit_by_a_step(make: MakeEnvironment) -> Any:
    """The action `submit` grades what is there, and ends the episode."""
    with make() as environment:
        environment.reset()
        environment.step("echo '# more' >> birds.py")
        observation, reward, terminated, truncated, info = environment.step(" submit\n")
        assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
        assert info.keys() == {"steps", "grade"}
        assert info["grade"].reason is GradeReason.TESTS_FAILED
        assert info["grade"].failed_tests == ("tests/test_birds.py::test_double",)
        return info["steps"], _comparable(info["grade"]), _refused(lambda: environment.step("ls"))


def submit_given_patches(make: MakeEnvironment) -> Any:
    """A patch that was brought along is graded, before the first reset, too."""
    with make() as environment:
        patches: list[bytes | str] = [b"", " ", "no patch", b"\xff\xfe no text", "é" * 200]
        grades = [environment.submit(patch) for patch in patches]
        assert [it.reason for it in grades[:2]] == [GradeReason.EMPTY] * 2
        assert {it.reason for it in grades[2:]} == {GradeReason.DOES_NOT_APPLY}
        return [_comparable(grade) for grade in grades]


def go_back_and_apart(make: MakeEnvironment) -> Any:
    """Snapshots, what restoring forgets, and forks."""
    with make() as environment:
        environment.reset()
        environment.step("echo one > kept; x=1")
        name = environment.snapshot()
        environment.step("echo two > kept; x=2; touch other")
        with environment.fork() as twin:
            environment.restore(name)
            look = "cat kept; echo $x; ls other"
            found = [_timeless(it.step(look)) for it in (environment, twin)]
            assert found[0][0].startswith("one\n1\n") and found[1][0] == "two\n2\nother\n"
            environment.step("rm kept")
            assert twin.step("cat kept")[0] == "two\n"
            assert b"two" in twin.diff() and b"kept" not in environment.diff()
        missing = _refused(lambda: environment.restore("9-none"), NotFoundError)
        environment.reset()
        return found, missing, _refused(lambda: environment.restore(name), NotFoundError) != missing


def restore_what_is_over(make: MakeEnvironment) -> Any:
    """An episode that was over goes on from a snapshot."""
    with make(max_steps=2) as environment:
        environment.reset()
        name = environment.snapshot()
        ends = [environment.step(":")[3], environment.step(":")[3]]
        over = _refused(lambda: environment.step(":"))
        environment.restore(name)
        again = environment.step("echo on")[0]
        assert (ends, again) == ([False, True], "on\n")
        return over


def refuse_what_does_not_fit(make: MakeEnvironment) -> Any:
    """Each refusal is the same error with the same sentence."""
    environment = make()
    early = [
        _refused(call)
        for call in (
            lambda: environment.step("ls"),
            environment.diff,
            environment.snapshot,
            environment.fork,
            environment.submit,
            lambda: environment.restore("1-x"),
        )
    ]
    assert all("reset()" in hint for _, _, hint in early)
    environment.reset()
    nul = _refused(lambda: environment.step("a\0b"))
    environment.close()
    environment.close()
    late = [_refused(call) for call in (environment.reset, environment.submit, environment.diff)]
    assert all("closed" in text for _, text, _ in late)
    return early, nul, late


def run_out_of_time_and_room(make: MakeEnvironment) -> Any:
    """A command that hangs is interrupted, long output is cut; the shell lives on."""
    with make(step_seconds=1.0, output_bytes=300) as environment:
        environment.reset()
        environment.step("x=5")
        hung = environment.step("sleep 60")[4]
        assert hung["timed_out"] and hung["exit_code"] is None
        output, *_, info = environment.step("seq 1000; printf '\\377'; echo $x")
        assert info["output_bytes"] == 3896 and len(output.encode()) < 600
        assert output.startswith("1\n2\n") and output.endswith("\ufffd5\n")
        return hung.keys(), hung["new_shell"], output, info.keys()


CONVERSATIONS: tuple[Conversation, ...] = (
    solve_the_task,
    submit_by_a_step,
    submit_given_patches,
    go_back_and_apart,
    restore_what_is_over,
    refuse_what_does_not_fit,
    run_out_of_time_and_room,
)


def _timeless(step: tuple[str, float, bool, bool, dict[str, Any]]) -> tuple[Any, ...]:
    info = step[4]
    assert isinstance(info["seconds"], float)
    return *step[:4], {name: value for name, value in info.items() if name != "seconds"}


def _comparable(grade: Grade) -> dict[str, Any]:
    """What does not depend on time."""
    assert isinstance(grade, Grade)
    kept = vars(grade) | {"outcomes": dict(grade.outcomes)}
    return {name: value for name, value in kept.items() if name not in ("seconds", "output")}


def _refused(
    call: Callable[[], object], kind: type[ConfigurationError | NotFoundError] = ConfigurationError
) -> tuple[type, str, str]:
    with pytest.raises(kind) as caught:
        call()
    return type(caught.value), str(caught.value), caught.value.hint
