"""When build back-ends are asked, and what of their replies is stored."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.model import ResourceLimits
from curate.environments import ask_backend as asking
from curate.environments.ask_backend import ask_backend, find_stored_reply
from curate.environments.context import ValidationContext
from curate.environments.explain import explain_plan
from curate.environments.plan import ValidationPlan, plan_validation
from tests.helpers.back_ends import (
    BUNDLED,
    DATE,
    PYTHON,
    RECIPE,
    TEST_PATCH,
    ask,
    local_validation,
    make_question,
    required,
    setup_script,
)
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import expect, not_none
from tests.helpers.git_history import GitHistory

pytestmark = pytest.mark.skipif(not BUNDLED, reason="this Python comes without setuptools")


JSON_FILE = {
    "setup.py": setup_script("json.load(open('deps.json'))['run']", "import json"),
    "deps.json": '{"run": ["six>=1", "toml"]}',
}


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationContext]:
    with local_validation(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def git(tmp_path: Path) -> GitHistory:
    return GitHistory.new(tmp_path / "git")


def test_equal_files_are_not_asked_about_again(git: GitHistory, ctx: ValidationContext) -> None:
    git.change(JSON_FILE)
    first = ask(git, ctx)
    git.change({"thing/__init__.py": "unrelated = 1\n", "README": "unread\n"})
    assert ask(git, ctx) == first, "another commit"
    assert (
        first.record.read == ("deps.json", "setup.cfg", "setup.py")
        or "deps.json" in first.record.read
    )
    git.change({"deps.json": '{"run": ["other"]}'})
    changed = ask(git, ctx)
    assert required(changed) == ["other"]
    assert changed.commit == git.head()


def test_a_file_whose_absence_was_seen_counts(git: GitHistory, ctx: ValidationContext) -> None:
    script = setup_script(
        "['six'] + (['toml'] if os.path.exists('with-toml') else [])", "import os"
    )
    git.change({"setup.py": script})
    assert required(ask(git, ctx)) == ["six"]
    git.change({"with-toml": ""})
    assert required(ask(git, ctx)) == ["six", "toml"]


def test_texts_about_the_project_count_as_existing(git: GitHistory, ctx: ValidationContext) -> None:
    script = setup_script("['six'] if open('CHANGES.md').read() else ['toml']")
    git.change({"setup.py": script, "CHANGES.md": "one"})
    first = ask(git, ctx)
    git.change({"CHANGES.md": "two"})
    assert ask(git, ctx) == first
    git.change({"CHANGES.md": None})
    assert "CHANGES.md" in ask(git, ctx).error
    git.change({"CHANGES.md": "three"})
    assert ask(git, ctx) == first


def test_names_in_a_folder_count(git: GitHistory, ctx: ValidationContext) -> None:
    script = setup_script("sorted(n[:-4] for n in os.listdir('needs'))", "import os")
    git.change({"setup.py": script, "needs/six.txt": ""})
    assert required(ask(git, ctx)) == ["six"]
    git.change({"needs/toml.txt": ""})
    assert required(ask(git, ctx)) == ["six", "toml"]


def test_what_a_child_process_reads_counts(git: GitHistory, ctx: ValidationContext) -> None:
    code = "print(open('needs').read())"
    script = setup_script(
        f"subprocess.check_output([sys.executable, '-c', {code!r}]).decode().split()",
        "import subprocess, sys",
    )
    git.change({"setup.py": script, "needs": "six"})
    assert required(ask(git, ctx)) == ["six"]
    git.change({"needs": "toml"})
    assert required(ask(git, ctx)) == ["toml"]


def test_after_another_program_every_commit_is_asked_about(
    git: GitHistory, ctx: ValidationContext
) -> None:
    script = setup_script(
        "subprocess.check_output(['cat', 'needs']).decode().split()", "import subprocess"
    )
    git.change({"setup.py": script, "needs": "six"})
    assert required(ask(git, ctx)) == ["six"]
    git.change({"needs": "toml"})
    assert required(ask(git, ctx)) == ["toml"]


@pytest.mark.parametrize(("check", "is_stored"), [(False, True), (True, False)])
def test_git_counts_only_where_there_is_no_answer_without_it(
    check: bool, is_stored: bool, git: GitHistory, ctx: ValidationContext
) -> None:
    """As scripts ask git for a version, which differs at every commit."""
    call = f"subprocess.run(['git', 'describe', '--always'], check={check})"
    script = setup_script("['six'] if done else []", f"import subprocess\ndone = {call}")
    git.change({"setup.py": script})
    first = ask(git, ctx)
    assert required(first) == ["six"]
    git.change({"unrelated": "1"})
    assert (ask(git, ctx) == first) is is_stored


def test_a_version_in_a_requirement_is_that_of_the_commit(
    git: GitHistory, ctx: ValidationContext
) -> None:
    script = setup_script("['core==' + os.environ['SETUPTOOLS_SCM_PRETEND_VERSION']]", "import os")
    git.change({"setup.py": script})
    assert required(ask(git, ctx)) == ["core==1.5"]
    with GitTree(git.path / ".git", git.head()) as tree:
        question = make_question(git, tree)
        later = replace(question, candidate=replace(question.candidate, version="1.6"))
        assert required(not_none(ask_backend(ctx, later))) == ["core==1.6"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("raise SystemExit('no')", "SystemExit: no"),
        ("import os; os._exit(0)", "it ended without an answer"),
        ("print('curate-metadata: {}'); raise ValueError('x\\n' * 999)", "ValueError: x x"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("while True: print('curate-metadata: []' * 99999)", ""),
    ],
    ids=["exit", "ended", "forged", "missing", "flood"],
)
def test_no_answer_is_a_reply_with_the_error(
    script: str, error: str, git: GitHistory, ctx: ValidationContext, monkeypatch: Any
) -> None:
    limits = ResourceLimits(seconds=4, test_seconds=0, output_bytes=1 << 20)
    monkeypatch.setattr(asking, "LIMITS", limits)
    git.change({"setup.py": script})
    reply = ask(git, ctx)
    assert reply.answer is None
    assert error in reply.error
    assert len(reply.error) <= 300


def test_plan_asks_where_reading_is_uncertain(git: GitHistory, ctx: ValidationContext) -> None:
    """The gold patch changes what the back-end reads, so both commits are asked about."""
    script = setup_script("__import__('needed').lines()")
    files = {"setup.py": script, "tests/test_a.py": "def test_a(): pass\n"}
    base = git.change({**files, "needed.py": "def lines(): return ['six>=2']\n"})
    head = git.change({"needed.py": "def lines(): return ['six>=2', 'toml']\n"})
    candidate = replace(
        make_candidate(1),
        base_commit=base,
        head_commit=head,
        test_patch=TEST_PATCH,
        created_at=DATE,
    )
    arguments = (candidate, RECIPE, git.path / ".git", (PYTHON,))
    plan = expect(ValidationPlan, plan_validation(*arguments, partial(ask_backend, ctx)))
    lines = [[item.line for item in it.manifest.requirements] for it in plan.variants]
    assert lines == [["six>=2"], ["six>=2", "toml"]]
    assert plan.variants[0].manifest.notes == ("the build back-end also requires six>=2",)
    find = partial(find_stored_reply, ctx.store, "local", ctx.get_mirror)
    assert plan_validation(*arguments, find) == plan
    told = explain_plan(plan, ctx.store, ctx.backend, ctx.get_mirror).variants[1].backend
    assert told[0] == "asked because: setup.py: install_requires is not statically parseable"
    assert told[1].startswith(f"answered at {head[:12]} in ")
    assert told[1].endswith("from needed.py, pyproject.toml, setup.cfg, setup.py")
    assert told[2] == "requires six>=2, toml"
    unasked = expect(ValidationPlan, plan_validation(*arguments))
    assert unasked.variants[0].manifest.requirements == ()
