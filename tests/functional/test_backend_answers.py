"""Build back-ends asked in the local sandbox: what they require, and when they are asked again.

The scripts compute their requirements in every way that reading alone may miss. setuptools is the
one that comes with Python.
"""

import ensurepip
import shlex
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.git.tree import GitTree
from curate.builders.model import BuiltInstance, ResourceLimits
from curate.builders.requirements import read_manifest
from curate.builders.settings import BuildSettings
from curate.core.model import Candidate
from curate.environments import ask_backend as asking
from curate.environments.ask_backend import ask_backend, find_stored_reply
from curate.environments.backend_question import BackendQuestion, BackendReply
from curate.environments.build import build_with_fallbacks, get_or_create_lock
from curate.environments.context import ValidationContext
from curate.environments.explain import explain_plan
from curate.environments.plan import RequirementsVariant, ValidationPlan, plan_validation
from curate.recipes import EnvRecipe, Recipe
from curate.recipes.schema import RequirementSources
from curate.store import Store
from tests.doubles.packages import package_index, wheel
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import UNUSED, expect, not_none
from tests.helpers.git_history import GitHistory

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
DATE = datetime(2024, 5, 1, tzinfo=UTC)
RECIPE = Recipe(repo="owner/name")
TEST_PATCH = b"""\
diff --git a/tests/test_a.py b/tests/test_a.py
--- a/tests/test_a.py
+++ b/tests/test_a.py
@@ -1 +1 @@
-def test_a(): pass
+def test_a(): assert True
"""
BUNDLED = list((Path(ensurepip.__file__).parent / "_bundled").glob("setuptools-*.whl"))
pytestmark = pytest.mark.skipif(not BUNDLED, reason="this Python comes without setuptools")

SETUP = "from setuptools import setup\n{}\nsetup(name='thing', version='1', install_requires={})\n"


def setup_script(value: str, before: str = "") -> str:
    return SETUP.format(before, value)


COMPUTED: dict[str, tuple[dict[str, str], list[str]]] = {
    "json file": (
        {
            "setup.py": setup_script("json.load(open('deps.json'))['run']", "import json"),
            "deps.json": '{"run": ["six>=1", "toml"]}',
        },
        ["six>=1", "toml"],
    ),
    "exec of a module": (
        {
            "setup.py": setup_script(
                "about['needs']", "about = {}\nexec(open('about.py').read(), about)"
            ),
            "about.py": "needs = ['six'] + ['x' + str(n) for n in range(2)]\n",
        },
        ["six", "x0", "x1"],
    ),
    "module of the project": (
        {
            "setup.py": setup_script(
                "info.install_requires",
                "import os, sys\nsys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))\n"
                "import __pkginfo__ as info",
            ),
            "__pkginfo__.py": "install_requires = [f'{n}>=2' for n in ('six', 'toml')]\n",
        },
        ["six>=2", "toml>=2"],
    ),
    "lines of a file": (
        {"setup.py": setup_script("open('needs').read().splitlines()"), "needs": "six\ntoml\n"},
        ["six", "toml"],
    ),
    "environment variable": (
        {
            "setup.py": setup_script(
                "['six'] + (['rare'] if os.environ.get('WITH_RARE') else [])", "import os"
            )
        },
        ["six"],
    ),
    "platform": (
        {
            "setup.py": setup_script(
                "['six' if platform.system() != 'Windows' else 'pywin32']", "import platform"
            )
        },
        ["six"],
    ),
    "probing for a library": (
        {
            "setup.py": setup_script(
                "['six'] if ctypes.util.find_library('no-such') is None else ['toml']",
                "import ctypes.util",
            )
        },
        ["six"],
    ),
    "call of git": (
        {
            "setup.py": setup_script(
                "['six' if subprocess.check_output(['git', 'rev-parse', 'HEAD']) else 'toml']",
                "import subprocess",
            )
        },
        ["six"],
    ),
    "network": (
        {
            "setup.py": setup_script(
                "needs",
                "from urllib.request import urlopen\ntry:\n"
                "    needs = urlopen('http://192.0.2.1/', timeout=1).read().decode().split()\n"
                "except OSError:\n    needs = ['six']",
            )
        },
        ["six"],
    ),
    "own back-end": (
        {
            "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'own'\n"
            "backend-path = ['tools']\n",
            "tools/own.py": "import os\n"
            "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
            "    os.mkdir(folder + '/thing.dist-info')\n"
            "    with open(folder + '/thing.dist-info/METADATA', 'w') as file:\n"
            "        file.write('Name: thing\\nRequires-Dist: ' + open('needs').read())\n"
            "    return 'thing.dist-info'\n",
            "needs": "six",
        },
        ["six"],
    ),
    "what the build itself requires": (
        {
            "setup.py": "from setuptools import setup\n"
            "from setuptools.command.egg_info import egg_info\n"
            "class Late(egg_info):\n"
            "    def run(self):\n"
            "        import helper\n"
            "        self.distribution.install_requires = ['six']\n"
            "        super().run()\n"
            "setup(name='thing', setup_requires=['helper'], cmdclass={'egg_info': Late})\n"
        },
        ["six"],
    ),
}


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationContext]:
    """A validation with the local sandbox and an index; its mirror is `tmp_path / "git"`."""
    monkeypatch.setattr("curate.builders.backends.local.SEED_OPTIONS", ())
    prefix = tmp_path / "pythons" / f"{PYTHON}.0"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    names = ("wheel", "pytest", "six", "toml", "helper")
    releases = [(BUNDLED[0].name, BUNDLED[0].read_bytes()), *(wheel(it, "2.0") for it in names)]
    with package_index(*releases) as url, Store(tmp_path / "store") as store:
        settings = BuildSettings(
            cache_dir=tmp_path / "cache", python_install_dir=tmp_path / "pythons", index_url=url
        )
        yield ValidationContext(
            store=store,
            backend=LocalBackend(settings),
            settings=settings,
            python_versions=(PYTHON,),
            get_mirror=lambda repo: tmp_path / "git" / ".git",
            stop_event=threading.Event(),
            report_step=lambda name, step: None,
            run_executor=ThreadPoolExecutor(1),
        )


@pytest.fixture
def git(tmp_path: Path) -> GitHistory:
    return GitHistory.new(tmp_path / "git")


def make_question(git: GitHistory, tree: GitTree, **more: Any) -> BackendQuestion:
    return BackendQuestion(
        candidate=replace(make_candidate(1), base_commit=git.head(), version="1.5"),
        recipe=RECIPE,
        env=EnvRecipe(),
        tree=tree,
        python=PYTHON,
        date=DATE,
        cutoff=DATE,
        **more,
    )


def ask(git: GitHistory, ctx: ValidationContext) -> BackendReply:
    with GitTree(git.path / ".git", git.head()) as tree:
        return not_none(ask_backend(ctx, make_question(git, tree)))


def required(reply: BackendReply) -> list[str]:
    assert reply.answer, reply
    return sorted(reply.answer.requires)


@pytest.mark.parametrize("kind", COMPUTED)
def test_requirements_are_right_however_they_are_computed(
    kind: str, git: GitHistory, ctx: ValidationContext
) -> None:
    files, expected = COMPUTED[kind]
    git.change(files)
    assert required(ask(git, ctx)) == expected
    with GitTree(git.path / ".git", git.head()) as tree:
        read = read_manifest(tree, RequirementSources())
        lines = [item.line for item in getattr(read, "requirements", ())]
    assert getattr(read, "unknowns", ()) or lines == expected, "read wrongly and without a doubt"


def test_equal_files_are_not_asked_about_again(git: GitHistory, ctx: ValidationContext) -> None:
    git.change(COMPUTED["json file"][0])
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


def install_commands(*requires: str) -> tuple[str, ...]:
    """An editable install by hand: a path file, and metadata that require *requires*."""
    metadata = "Name: thing\n" + "".join(f"Requires-Dist: {it}\n" for it in requires)
    code = (
        "import os, site; place = site.getsitepackages()[0]; here = os.getcwd(); "
        "open(place + '/thing.pth', 'w').write(here); info = place + '/thing-1.dist-info'; "
        f"os.mkdir(info); open(info + '/METADATA', 'w').write({metadata!r}); "
        'open(info + "/direct_url.json", "w").write(\'{"url": "file://\' + here + \'"}\')'
    )
    return (f"python -c {shlex.quote(code)}",)


def build(
    git: GitHistory, ctx: ValidationContext, *requires: str, source: str = "base"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Build an instance whose setup.py reads as requiring six; its packages and adjustments."""
    base = git.change({"setup.py": setup_script("['six']"), "thing/__init__.py": ""})
    env = EnvRecipe(install=install_commands(*requires))
    with GitTree(git.path / ".git", base) as tree:
        manifest: Any = read_manifest(tree, env.requirements)
    variant = RequirementsVariant(
        requirements_from=source, manifest=manifest, python=PYTHON, date=DATE, cutoff=DATE
    )
    candidate: Candidate = replace(make_candidate(1), base_commit=base)
    plan = ValidationPlan(
        candidate=candidate, recipe=RECIPE, env=env, selection=UNUSED, variants=(variant,)
    )
    lock: Any = get_or_create_lock(plan, variant, DATE, ctx)
    lock, built = build_with_fallbacks(plan, variant, lock, ctx)
    assert isinstance(built, BuiltInstance), built
    return lock.packages, lock.adjustments


def test_an_install_that_requires_what_was_read_changes_nothing(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(
        git, ctx, "six>=1", "absent; extra == 'x'", "toml; python_version < '3'"
    )
    assert packages == ("pytest==2.0", "six==2.0")
    assert adjustments == ("added pytest: it is not declared",)


def test_what_an_install_requires_further_is_locked(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six", "toml>=1")
    assert packages == ("pytest==2.0", "six==2.0", "toml==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml>=1",)


def test_gold_requirements_get_what_is_missing_and_keep_their_versions(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six<2", "toml", source="gold")
    assert packages == ("pytest==2.0", "six==2.0", "toml==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml",)


def test_what_does_not_resolve_is_said_and_left_out(
    git: GitHistory, ctx: ValidationContext
) -> None:
    packages, adjustments = build(git, ctx, "six", "toml>=9")
    assert packages == ("pytest==2.0", "six==2.0")
    assert adjustments[1:] == ("the build back-end also requires toml>=9, which does not resolve",)
