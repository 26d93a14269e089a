"""Setup scripts of the forms that projects use; each is followed, never run."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.setup_py import read_setup_py
from tests.helpers.fakes import not_none

HELPERS = """
import os
from setuptools import setup
def strip_comments(line):
    return line.split('#', 1)[0].strip()
def expand(line):
    if line.startswith('-r '):
        _, path = line.split()
        return reqs(*path.split('/'))
    return [line]
def read(*parts):
    lines = open(os.path.join(os.getcwd(), 'requirements', *parts)).readlines()
    return [expand(line) for line in (strip_comments(each) for each in lines) if line]
def reqs(*parts):
    return [line for lines in read(*parts) for line in lines]
setup(
    name='helped',
    install_requires=reqs('default.txt'),
    extras_require={name: reqs('extras', name + '.txt') for name in ('x', 'y')},
)
"""
HELPER_FILES = {
    "requirements/default.txt": "a>1  # why\n-r more.txt\n",
    "requirements/more.txt": "\nb\n",
    "requirements/extras/x.txt": "c\n",
    "requirements/extras/y.txt": "d\n",
}


def read_script(
    folder: Path, script: str, files: Mapping[str, str | bytes] | None = None
) -> ProjectMetadata:
    for path, content in {**(files or {}), "setup.py": script}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        (folder / path).write_bytes(data)
    return not_none(read_setup_py(FolderTree(folder)))


def test_helpers_that_join_paths_and_follow_references(tmp_path: Path) -> None:
    found = read_script(tmp_path, HELPERS, HELPER_FILES)
    assert found.dependencies == ("a>1", "b")
    assert found.extras == {"x": ("c",), "y": ("d",)}
    assert found.notes == ()


@pytest.mark.parametrize(
    "script",
    [
        "deps = []\nfor n in ('a', 'b'):\n    deps.append(n + '>1')\nsetup(install_requires=deps)",
        "deps = ['a>1'] + (['never'] if os.name == 'nt' else ['b>1'])\n"
        "setup(install_requires=deps)",
        "deps = ['a>1']\ndeps += ['b>1'] if 'CI' not in os.environ else []\n"
        "setup(install_requires=deps)",
        "deps = {'a': '>1', 'b': '>1'}\n"
        "setup(install_requires=[f'{k}{v}' for k, v in deps.items()])",
        "with open('r.txt') as f:\n    deps = [l.strip() for l in f if not l.startswith('#')]\n"
        "setup(install_requires=deps)",
        "from pathlib import Path\nhere = Path(__file__).parent\n"
        "setup(install_requires=(here / 'r.txt').read_text().splitlines())",
        "here = os.path.abspath(os.path.dirname(__file__))\n"
        "setup(install_requires=open(os.path.join(here, 'r.txt'), encoding='utf-8').read())",
        "from pip.req import parse_requirements\n"
        "setup(install_requires=[str(r.req) for r in parse_requirements('r.txt', session=False)])",
        "from pkg_resources import parse_requirements\n"
        "setup(install_requires=map(str, parse_requirements(open('r.txt'))))",
        "info = {}\nexec(open('pkg/info.py').read(), info)\n"
        "setup(install_requires=info['DEPENDENCIES'])",
        "from pkg.info import DEPENDENCIES as deps\nsetup(install_requires=deps)",
        "import sys\nsys.path.insert(0, 'pkg')\nimport info\n"
        "setup(install_requires=info.DEPENDENCIES)",
        "import json\nsetup(**json.load(open('setup.json')))",
        "def main():\n    deps = ['a>1']\n    deps.extend(x for x in ['b>1'])\n"
        "    setup(install_requires=deps)\nmain()",
        "def setup_package():\n    version = subprocess.check_output(['git'])[:-1]\n"
        "    setup(version=version, install_requires=['a>1', 'b>1'])\n"
        "if __name__ == '__main__':\n    setup_package()",
        "metadata = dict(install_requires=['a>1'])\n"
        "metadata['install_requires'].append('b>1')\nsetup(**metadata)",
        "if len(sys.argv) > 1 and sys.argv[1] == 'publish':\n    sys.exit(1)\n"
        "setup(install_requires=('a>1', 'b>1'))",
        "setup(install_requires=parse_somehow('r.txt'))",
        "setup(install_requires=['a>1'] + other_module.read('s.txt'))",
    ],
)
def test_forms_of_a_list(tmp_path: Path, script: str) -> None:
    files = {
        "r.txt": "# comment\na>1\nb>1\n",
        "s.txt": "b>1\n",
        "pkg/__init__.py": "import os, unknown\n",
        "pkg/info.py": "DEPENDENCIES = ['a>1', 'b>1']\n",
        "setup.json": '{"install_requires": ["a>1", "b>1"]}',
    }
    found = read_script(tmp_path, f"import os, sys\n{script}", files)
    assert found.dependencies == ("a>1", "b>1")


def test_a_condition_nobody_can_tell_counts_as_false_and_is_noted(tmp_path: Path) -> None:
    script = (
        "deps = ['a']\nif has_compiler():\n    deps.append('b')\nelse:\n    deps.append('c')\n"
        "setup(install_requires=deps)"
    )
    found = read_script(tmp_path, script)
    assert found.dependencies == ("a", "c")
    (note,) = found.notes
    assert "has_compiler()" in note


def test_a_part_that_is_unknown_is_noted_and_the_rest_counts(tmp_path: Path) -> None:
    found = read_script(tmp_path, "setup(install_requires=['a', ask()], extras_require=ask())")
    assert found.dependencies == ("a",)
    assert found.notes == (
        "setup.py: part of install_requires is not statically parseable",
        "setup.py: extras_require is not statically parseable",
    )


def test_templates_with_asterisks_do_not_end_the_script(tmp_path: Path) -> None:
    script = """
import re
def find(name):
    return re.search(r"^__{0}__ = '([^']*)'".format(name), open("a.py").read(), re.M).group(1)
VERSION = find("version")
PERCENT = "%s * %s" % (1, 2)
if __name__ == "__main__":
    setup(name="thing", version=VERSION, install_requires=["six"])
"""
    found = read_script(tmp_path, script, {"a.py": "__version__ = '1'\n"})
    assert (found.name, found.dependencies, found.notes) == ("thing", ("six",), ())


def test_a_script_whose_call_is_not_reached_is_noted(tmp_path: Path) -> None:
    found = read_script(tmp_path, "from tool import main\nmain()")
    assert found.notes == ("setup.py: its call of setup is not reached",)


def test_a_script_for_another_python_still_tells_its_requirements(tmp_path: Path) -> None:
    script = (
        "import sys\nif sys.version_info[0] != 2:\n    sys.exit('Python 2 only')\n"
        "setup(install_requires=['a'])"
    )
    assert read_script(tmp_path, script).dependencies == ("a",)


def test_versions_that_a_script_refuses_do_not_count(tmp_path: Path) -> None:
    script = (
        "import sys\nif sys.version_info < (3, 8):\n    sys.exit(1)\n"
        "setup(install_requires=['a'] + (['b'] if sys.version_info < (3, 9) else []))"
    )
    found = read_script(tmp_path, script)
    assert found.dependencies == ("a", 'b; python_version < "3.9"')


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    pass",
        "def f(x):\n    return f(x)\nf(1)",
        "x = 'a' * 10 ** 9\ny = ['a'] * 10 ** 12",
        "x = ['a']\nfor i in range(60):\n    x += x",
        "x = '%1000000000d' % 1\ny = '{:>1000000000}'.format(1)\nz = 'a'.ljust(10 ** 10)",
        "x = 'a'\nfor i in range(60):\n    x = x.replace('a', 'aa')",
        "x = []\nfor i in range(60):\n    x = [x, x]\ny = str(x)\nz = '%s' % x",
        "x = ()\ny = ()\nfor i in range(60):\n    x, y = (x, x), (y, y)\nz = x == y",
        "x = ()\nfor i in range(60):\n    x = (x, x)\ny = {x: 1}",
        "x = ['a'] * 900000\nfor i in range(10000):\n    y = sorted(x)",
        "open('../../etc/passwd').read()\nopen('/etc/passwd').read()",
        "__import__('os').system('touch ran')\nimport os\nos.system('touch ran')",
        "().__class__.__base__.__subclasses__()\n'{0.__class__}'.format(1)",
        "raise ValueError",
        "setup(name=1, install_requires={'a': 1, 2: 3}, extras_require=['x'], classifiers=4)",
    ],
)
def test_hostile_scripts_neither_run_nor_hang(tmp_path: Path, body: str) -> None:
    found = read_script(tmp_path, f"{body}\nsetup(install_requires=['last'])")
    assert {*(found.dependencies or ())} <= {"a", "last"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["setup.py"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_files_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    files = {"r.txt": "a>1\nb\n".encode(encoding)}
    script = "setup(install_requires=open('r.txt').read().splitlines())"
    assert read_script(tmp_path, script, files).dependencies == ("a>1", "b")


def test_a_coding_line_is_heeded(tmp_path: Path) -> None:
    files = {"r.txt": "# -*- coding: latin-1 -*-\n# é\na\n".encode("latin-1")}
    script = "setup(author=u'\xe9', install_requires=open('r.txt'))"
    assert read_script(tmp_path, script, files).dependencies == ("a",)


CERTAIN = (
    "from setuptools import setup\nimport outside\n{}\nsetup(name='a', install_requires=needs)\n"
)


@pytest.mark.parametrize(
    ("body", "doubt"),
    [
        ("needs = ['a' if outside.ask() else 'b']", "outside.ask()"),
        ("needs = ['a']\nfor name in outside.names():\n    needs.append(name)", "outside.names()"),
        ("needs = ['a']\nif outside.ask():\n    needs = ['b']", "outside.ask()"),
        ("needs = []\nif outside.ask():\n    pass\nelse:\n    needs.append('a')", "outside.ask()"),
        (
            "def f():\n    if outside.ask():\n        return ['b']\n    return []\nneeds = f()",
            "ask",
        ),
        ("needs = ['a']\nneeds.extend(['b'][7])", "needs.extend(['b'][7])"),
        ("import sys\nneeds = ['a']\nif sys.argv[1] == 'x':\n    setup = print", ""),
        ("needs = ['a']\nversion = outside.version() if 1 else ''", ""),
        (
            "needs = ['a']\ntry:\n    long = open('README').read()\nexcept OSError:\n    long = ''",
            "",
        ),
    ],
)
def test_what_requirements_may_depend_on_is_a_doubt(tmp_path: Path, body: str, doubt: str) -> None:
    project = read_script(tmp_path, CERTAIN.format(body))
    assert bool(project.unknowns) is bool(doubt), project
    assert doubt in "".join(project.unknowns)


def test_commands_that_make_the_metadata_are_a_doubt(tmp_path: Path) -> None:
    script = "from setuptools import setup\nsetup(name='a', cmdclass={'egg_info': object})\n"
    assert read_script(tmp_path, script).unknowns == (
        "setup.py: a command of its own makes the metadata",
    )


def test_a_pattern_may_be_formatted(tmp_path: Path) -> None:
    body = (
        "import re\nneeds = ['six']\n"
        "about = re.search(r\"^__{name}__ = '([^']*)'\".format(name='n'), \"__n__ = 'x'\")"
    )
    project = read_script(tmp_path, CERTAIN.format(body))
    assert (project.dependencies, project.unknowns) == (("six",), ())
