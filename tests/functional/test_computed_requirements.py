"""Requirements that scripts compute in every way that reading alone may miss."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.requirements import read_manifest
from curate.environments.context import ValidationContext
from curate.recipes.schema import RequirementSources
from tests.helpers.back_ends import BUNDLED, ask, local_validation, required, setup_script
from tests.helpers.git_history import GitHistory

pytestmark = pytest.mark.skipif(not BUNDLED, reason="this Python comes without setuptools")


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationContext]:
    with local_validation(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def git(tmp_path: Path) -> GitHistory:
    return GitHistory.new(tmp_path / "git")


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
