from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.tree import FolderTree
from curate.builders.model import Failure
from curate.builders.requirements import Manifest, read_manifest
from curate.recipes.schema import RequirementSources
from tests.helpers.fakes import expect

ReadManifest = Callable[..., Manifest]


@pytest.fixture
def read(tmp_path: Path) -> ReadManifest:
    def read(texts: Mapping[str, str | bytes], **sources: Any) -> Manifest:
        for path, text in texts.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return expect(Manifest, read_manifest(FolderTree(tmp_path), RequirementSources(**sources)))

    return read


def lines(manifest: Manifest) -> list[str]:
    return [item.line for item in manifest.requirements]


PEP621 = """
[build-system]
requires = ["hatchling"]
[project]
name = "Some.Thing"
requires-python = ">=3.8"
classifiers = ["Programming Language :: Python :: 3.9"]
dependencies = ["attrs>=20", "tomli; python_version < '3.11'"]
[project.optional-dependencies]
a = ["click"]
all = ["some-thing[a]", "rich"]
[dependency-groups]
test = ["pytest>=7", {include-group = "Cov"}, "other @ git+https://x/y"]
cov = ["coverage[toml]"]
[tool.pdm.dev-dependencies]
lint = ["black", "pytest-mock"]
"""


def test_pep_621(read: ReadManifest) -> None:
    found = read(
        {"pyproject.toml": PEP621}, extras=("all",), groups=("test", "lint"), build_requires=True
    )
    assert lines(found) == [
        "attrs>=20",
        'tomli; python_version < "3.11"',
        "hatchling",
        "rich",
        "click",
        "pytest>=7",
        "coverage[toml]",
        "pytest-mock",
    ]
    assert [item.name for item in found.requirements if item.is_core][-1] == "pytest"
    assert (found.project, found.requires_python) == ("some-thing", ">=3.8")
    assert found.classifiers == ("Programming Language :: Python :: 3.9",)
    assert found.build_requires == ("hatchling",)
    assert found.excluded == ("dropped tools: black",)
    assert any("git+https://x/y" in note for note in found.notes)


@pytest.mark.parametrize(
    "bad", ['{include-group = "test"}', '{include-group = "gone"}', '"-e ."', "3"]
)
def test_a_group_that_tools_refuse_has_its_own_lines(read: ReadManifest, bad: str) -> None:
    text = f'[dependency-groups]\ntest = ["pytest>=7", {bad}]\n'
    assert lines(read({"pyproject.toml": text}, groups=("test",)))[:1] == ["pytest>=7"]


POETRY = """
[tool.poetry]
name = "p"
[tool.poetry.dependencies]
python = "^3.7"
caret = "^1.2.3"
zero = "^0.2"
tilde = "~1.4"
exact = "1.0"
any = "*"
several = [{version = "<2", python = "<3.8"}, {version = ">=2", python = "^3.8"}]
spaced = ">=1.0 <2.0"
opt = {version = "^2", optional = true, extras = ["x"]}
local = {path = "../local"}
[tool.poetry.extras]
more = ["opt"]
[tool.poetry.dev-dependencies]
pytest = "^6"
[tool.poetry.group.docs.dependencies]
extra-docs = "*"
"""


def test_poetry(read: ReadManifest) -> None:
    found = read({"pyproject.toml": POETRY}, extras=("more",), groups=("dev", "docs"))
    assert lines(found) == [
        "caret<2,>=1.2.3",
        "zero<0.3,>=0.2",
        "tilde<1.5,>=1.4",
        "exact==1.0",
        "any",
        'several<2; python_version < "3.8"',
        'several>=2; python_version >= "3.8" and python_version < "4"',
        "spaced<2.0,>=1.0",
        "opt[x]<3,>=2",
        "pytest<7,>=6",
        "extra-docs",
    ]
    assert found.requires_python == ">=3.7,<4"
    assert found.folders == ("../local",)
    assert "dropped ../local: a folder that is not installed" in found.notes


def test_pyproject_without_metadata_does_not_count(read: ReadManifest) -> None:
    files = {"pyproject.toml": "[tool.black]\n", "setup.py": "setup(install_requires='a\\nb>1')"}
    assert lines(read(files)) == ["a", "b>1"]


SETUP_CFG = """
[metadata]
name = thing
classifiers =
    Programming Language :: Python :: 3.8
[options]
python_requires = >=3.6
install_requires =
    a>=1  # why
    b; python_version < "3.9"
[options.extras_require]
test =
    pytest
files = file: extra.txt
"""


def test_setup_cfg(read: ReadManifest) -> None:
    files = {"setup.cfg": SETUP_CFG, "setup.py": "setup()", "extra.txt": "d\n# e\n"}
    found = read(files, extras=("test", "files"))
    expected = ["a>=1", 'b; python_version < "3.9"', "pytest", "d"]
    assert lines(found) == expected
    assert found.requires_python == ">=3.6"


SETUP_PY = """
import setuptools, sys
VERSION = "1.0"
base = ["a"] + ["b==%s" % VERSION]
base += [f"c>={VERSION}"]
base.append("d")
if sys.platform == "win32":
    base.append("never")
extras = {"x": ["e"], "y": ("f",), "odd": compute()}
extras["z"] = extras["x"] + ["g"]
extras["all"] = sum(extras.values(), [])
extras.update({"late": sorted({"h"})})
def main():
    setuptools.setup(
        name="n", install_requires=base, extras_require=extras, python_requires=">=3.6",
        tests_require=["pytest"], version=read(),
    )
if __name__ == "__main__":
    main()
"""


def test_setup_py(read: ReadManifest) -> None:
    found = read({"setup.py": SETUP_PY}, extras=("all", "late"), groups=("tests_require",))
    assert lines(found) == ["a", "b==1.0", "c>=1.0", "d", "e", "f", "g", "h", "pytest"]
    assert found.requires_python == ">=3.6"


@pytest.mark.parametrize(
    "body",
    [
        "setup(install_requires=open('req.txt').read().splitlines())",
        "def read(n):\n  return [l for l in open(n)]\nsetup(install_requires=read('req.txt'))",
        "def reqs():\n  return list(open('req.txt'))\nr = reqs()\nsetup(install_requires=r)",
        "with open('req.txt') as f:\n  r = strip(f, 'req.txt')\nsetup(**dict(install_requires=r))",
    ],
)
def test_setup_py_that_reads_a_file(read: ReadManifest, body: str) -> None:
    assert lines(read({"setup.py": body, "req.txt": "a>1\n-r other\n\nb\n"})) == ["a>1", "b"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sys.version_info[0] == 2", ["a", "y"]),
        ("sys.version_info.major >= 3", ["a", "x==1"]),
        ("sys.version_info < (3,)", ["a", "y"]),
        ("sys.version_info >= (3,)", ["a", "x==1"]),
        ("sys.version_info[:2] <= (2, 7)", ["a", "y"]),
        (
            "(sys.version_info) >= (3, 8)",
            ["a", 'x==1; python_version >= "3.8"', 'y; python_version < "3.8"'],
        ),
        ("sys.platform == 'win32'", ["a", "y"]),
        ("os.name != 'nt'", ["a", "x==1"]),
        ("os.environ.get('X') == '1'", ["a", "y"]),
        ("'X' in os.environ", ["a", "y"]),
        ("os.getenv('X', '0') != '0'", ["a", "y"]),
        ("os.environ['X'] == '1'", ["a", "y"]),
        ("sys.version_info in allowed", ["a", "y"]),
        (
            "sys.version_info[:2] in [(3, 8), (3, 9)] and os.path.exists('setup.py')",
            [
                "a",
                'y; python_version < "3.8" or python_version >= "3.10"',
                'x==1; python_version >= "3.8" and python_version < "3.10"',
            ],
        ),
    ],
)
def test_conditions_on_the_interpreter_become_markers(
    read: ReadManifest, condition: str, expected: list[str]
) -> None:
    body = f"""
import os, sys
deps = ["a"]
more = {{"k": []}}
if {condition}:
    deps.append("x==1")
else:
    more["k"] += ["y"]
setup(install_requires=deps + more["k"])
"""
    assert lines(read({"setup.py": body})) == expected


def test_what_cannot_be_told_is_noted(read: ReadManifest) -> None:
    found = read({"setup.py": "setup(install_requires=ask())"}, add=("a",))
    assert found.notes == ("setup.py: install_requires is not statically parseable",)


def test_requirement_files(read: ReadManifest) -> None:
    files = {
        "setup.py": "setup(name='own', install_requires=['a'], extras_require={'x': ['b']})",
        "req/dev.txt": "\ufeff-r base.txt\n-e ..\n-c limits.txt\n--index-url https://x\n"
        "c==1 \\\n  --hash=sha256:00\nflake8-x\nown\ngit+https://x/z#egg=z\n-r missing.txt\n",
        "req/base.txt": "-r dev.txt\n.[x]\nd>=1.* # note\nb\n",
        "req/limits.txt": "a<2\n",
        "environment-3.8.yml": "dependencies: [python=3.8, pytorch=1.9, libx, numpy>=1,"
        " 'conda-forge::xarray', {pip: [e, -r x]}]\n",
    }
    found = read(
        files,
        files=("req/d*.txt", "environment*.yml", "none.txt"),
        add=("f", "-c g<3"),
        exclude=("Numpy",),
    )
    expected = ["a", "b", "d>=1", "c==1", "torch==1.9.*", "xarray", "e", "f"]
    assert lines(found) == expected
    assert found.constraints == ("a<2", "g<3")
    assert [item.name for item in found.requirements if item.is_core] == ["a", "f"]
    notes = "\n".join([*found.notes, *found.excluded])
    for part in ("git+https://x/z", "dropped tools: flake8-x", "missing.txt", "dropped numpy"):
        assert part in notes


def test_environments_of_several_pythons_are_alternatives(read: ReadManifest) -> None:
    one = {"env-3.8.yml": "dependencies: [python=3.8, numpy=1.17, pip: [x, 'git+https://y']]\n"}
    other = {"env-3.9.yml": "dependencies: [python=3.9.*, numpy=1.21]\n"}
    files = ("env-*.yml",)
    assert lines(read(one, files=files)) == ["numpy==1.17.*", "x"]
    assert lines(read(one | other, files=files)) == [
        'numpy==1.17.*; python_version == "3.8"',
        'x; python_version == "3.8"',
        'numpy==1.21.*; python_version == "3.9"',
    ]


@pytest.mark.parametrize("spec", ["6.0*", "6.0.*", "=6.0", "==6.0*", " =6.0=py_1"])
def test_conda_has_many_ways_to_name_a_series(read: ReadManifest, spec: str) -> None:
    found = read({"e.yml": f"dependencies: ['pytest {spec}']\n"}, files=("e.yml",))
    assert lines(found) == ["pytest==6.0.*"]


@pytest.mark.parametrize(
    ("conda", "pypi"),
    [
        ("iris", "scitools-iris"),
        ("conda-forge::ruamel_yaml>=0.15", "ruamel.yaml>=0.15"),
        ("py-opencv=4.5", "opencv-python-headless==4.5.*"),
        ("pyarrow-core", "pyarrow"),
        ("ray-default", "ray[default]"),
        ("librosa", "librosa"),
        ("umap-learn", "umap-learn"),
        ("snappy", ""),
        ("Eccodes", ""),
        ("gcc_linux-64=9", ""),
        ("_libgcc_mutex=0.1=main", ""),
        ("libnetcdf", ""),
        ("fftw", ""),
    ],
)
def test_conda_names_other_projects_than_pypi(read: ReadManifest, conda: str, pypi: str) -> None:
    found = read({"e.yml": f"dependencies: [x, '{conda}']\n"}, files=("e.yml",))
    assert lines(found) == ["x", *filter(None, [pypi])]


def test_pip_in_a_conda_environment_follows_references(read: ReadManifest) -> None:
    files = {
        "setup.py": "setup(name='own', install_requires=['a'], extras_require={'t': ['b']})",
        "ci/env.yml": "dependencies: [c, {pip: ['-r ../dev.txt', '-c c.txt', '-e ..[t]', --pre]}]",
        "dev.txt": "d\n",
        "ci/c.txt": "d<2\n",
    }
    found = read(files, files=("ci/env.yml",))
    assert lines(found) == ["a", "b", "c", "d"]
    assert found.constraints == ("d<2",)
    assert found.notes == ()
    assert {"ci/env.yml", "dev.txt"} <= {*found.files}


def test_setup_cfg_is_interpolated_where_it_can_be(read: ReadManifest) -> None:
    text = (
        "[options]\ninstall_requires = a\n  b%z\n[options.extras_require]\nx = c\nall =\n  %(x)s\n"
    )
    found = read({"setup.cfg": text}, extras=("all",))
    assert lines(found) == ["a", "c"]


def test_environments_without_a_pinned_python_go_together(read: ReadManifest) -> None:
    files = {"a.yml": "dependencies: [python>=3.6, x]\n", "b.yml": "dependencies: [python=3.8, y]"}
    assert lines(read(files, files=("*.yml",))) == ["x", "y"]


def test_keep_and_core_tools(read: ReadManifest) -> None:
    files = {"setup.py": "setup(install_requires=['black'])", "r.txt": "mypy\nruff\na\na>1\n"}
    found = read(files, files=("r.txt",), force_include=("mypy",), exclude=("a",))
    assert lines(found) == ["black", "mypy"]
    assert found.excluded == ("dropped a: excluded by the recipe", "dropped tools: ruff")
    assert found.notes == ()


def test_files_only(read: ReadManifest) -> None:
    files = {"setup.py": "setup(name='own', install_requires=['a'], python_requires='>=3.8')"}
    found = read({**files, "r.txt": "b"}, files=("r.txt",), read_metadata=False)
    assert lines(found) == ["b"]
    assert found.requires_python == ">=3.8"


def test_nothing_declared(tmp_path: Path) -> None:
    (tmp_path / "README").touch()
    failed = read_manifest(FolderTree(tmp_path), RequirementSources())
    assert isinstance(failed, Failure)
    assert (failed.stage, failed.reason) == ("lock", "no-requirements")


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg", "setup.py", "env.yml"])
def test_malformed_files_are_noted(read: ReadManifest, name: str) -> None:
    found = read({name: "]= (\n  : {"}, files=("env.yml",), add=("a",))
    assert len(found.notes) == 1


def test_key_is_of_content(read: ReadManifest) -> None:
    one = read({"r.txt": "a\nb>1\n"}, files=("r.txt",))
    two = read({"s.txt": "# other\nb >1\na"}, files=("s.txt",))
    three = read({"t.txt": "a\nb>2\n"}, files=("t.txt",))
    assert one.key == two.key != three.key


FLIT = """
[build-system]
requires = ["flit_core >=2,<4"]
build-backend = "flit_core.buildapi"
[tool.flit.metadata]
module = "mod"
dist-name = "Dist"
requires = ["a >=1", "b; python_version < '3.8'"]
dev-requires = ["c"]
requires-python = ">=3.6"
classifiers = ["Programming Language :: Python :: 3.8"]
[tool.flit.metadata.requires-extra]
test = ["d"]
"""


def test_metadata_of_flit_before_pep_621(read: ReadManifest) -> None:
    found = read({"pyproject.toml": FLIT}, extras=("test", "dev"))
    assert lines(found) == ["a>=1", 'b; python_version < "3.8"', "d", "c"]
    assert (found.project, found.requires_python) == ("dist", ">=3.6")
    assert found.classifiers == ("Programming Language :: Python :: 3.8",)


@pytest.mark.parametrize(
    "hook",
    [
        "[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ['r.txt']\n"
        "[tool.hatch.metadata.hooks.requirements_txt.optional-dependencies]\nx = ['x.txt']",
        "[tool.setuptools.dynamic]\ndependencies = {file = 'r.txt'}\n"
        "optional-dependencies.x = {file = ['x.txt']}",
    ],
)
def test_dynamic_metadata_from_files(read: ReadManifest, hook: str) -> None:
    table = "[project]\nname = 'own'\ndynamic = ['dependencies', 'optional-dependencies']\n"
    files = {"pyproject.toml": table + hook, "r.txt": "a\n", "x.txt": "b\n"}
    assert lines(read(files, extras=("x",))) == ["a", "b"]


def test_a_metadata_hook_of_the_project_names_its_files(read: ReadManifest) -> None:
    table = (
        "[project]\nname = 'own'\ndynamic = ['dependencies']\n[tool.hatch.metadata.hooks.custom]"
    )
    files = {"pyproject.toml": table, "r.txt": "a\n", "hatch_build.py": "open('r.txt').read()"}
    assert lines(read(files)) == ["a"]


def test_dynamic_metadata_that_is_nowhere_is_noted(read: ReadManifest) -> None:
    table = "[project]\nname = 'own'\ndynamic = ['dependencies']\n"
    (note,) = read({"pyproject.toml": table}).notes
    assert "dependencies are dynamic" in note


PIPFILE = """
[packages]
any = "*"
bound = ">=1,<2"
pinned = "1.2"
table = {version = "~=1.0", extras = ["x", "y"], markers = "sys_platform == 'linux'"}
old = {version = "*", python_version = "< '3.8'"}
other = {git = "https://example.org/x.git"}
own = {path = ".", editable = true, extras = ["more"]}
[dev-packages]
pytest = "*"
[requires]
python_version = "3.8"
"""


def test_pipfile(read: ReadManifest) -> None:
    files = {"Pipfile": PIPFILE, "setup.py": "setup(extras_require={'more': ['m']})"}
    found = read(files, files=("Pipfile",))
    assert lines(found) == [
        *("m", "any", "bound<2,>=1", "pinned==1.2"),
        'table[x,y]~=1.0; sys_platform == "linux"',
        'old; python_version < "3.8"',
        "pytest",
    ]
    assert any("dropped other" in note for note in found.notes)


def test_setup_cfg_with_dashes(read: ReadManifest) -> None:
    text = (
        "[metadata]\nname = own\n[options]\ninstall-requires = a\npython-requires = >=3.6\n"
        "tests-require =\n  b\n"
    )
    found = read({"setup.cfg": text}, groups=("tests_require",))
    assert lines(found) == ["a", "b"]
    assert found.requires_python == ">=3.6"


def test_pbr(read: ReadManifest) -> None:
    files = {
        "setup.cfg": "[metadata]\nname = own\npython-requires = >=3.8\n"
        "classifier =\n  Programming Language :: Python :: 3.9\n[extras]\nx =\n  b\n",
        "setup.py": "import setuptools\nsetuptools.setup(setup_requires=['pbr>=2'], pbr=True)\n",
        "requirements.txt": "# comment\na>=1 # Apache-2.0\n",
    }
    found = read(files, extras=("x",))
    assert lines(found) == ["a>=1", "b"]
    assert found.requires_python == ">=3.8"
    assert found.classifiers == ("Programming Language :: Python :: 3.9",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_files_in_other_encodings(read: ReadManifest, encoding: str) -> None:
    files = {
        "r.txt": "a\n-r s.txt\n".encode(encoding),
        "s.txt": "b\n".encode(encoding),
        "env.yml": "dependencies: [c]\n".encode(encoding),
    }
    assert lines(read(files, files=("r.txt", "env.yml"))) == ["a", "b", "c"]


def test_a_bound_that_is_no_version_is_dropped_alone(read: ReadManifest) -> None:
    found = read(
        {"r.txt": "pytz>dev\na>=1,<x.y; python_version<'4'\nnot valid at all\n"}, files=("r.txt",)
    )
    assert lines(found) == ["pytz", 'a>=1; python_version < "4"']
    assert found.notes == (
        "dropped >dev of pytz: not a valid bound (r.txt)",
        "dropped <x.y of a: not a valid bound (r.txt)",
        "dropped 'not valid at all': not a valid requirement (r.txt)",
    )


def test_environments_of_hatch_take_from_their_template_and_add_to_groups(
    read: ReadManifest,
) -> None:
    text = """
[dependency-groups]
test = ["a"]
[tool.hatch.envs.default]
dependencies = ["base"]
[tool.hatch.envs.test]
extra-dependencies = ["b"]
[tool.hatch.envs.types]
dependencies = ["c"]
dependency-groups = ["test"]
"""
    assert lines(read({"pyproject.toml": text}, groups=("test",))) == ["a", "base", "b"]
    assert lines(read({"pyproject.toml": text}, groups=("types",))) == ["c", "a"]
    own_file = "[envs.hatch-test]\nextra-dependencies = ['d']\n"
    project = "[project]\nname = 'x'\n"
    found = read({"pyproject.toml": project, "hatch.toml": own_file}, groups=("hatch-test",))
    assert lines(found) == ["d"]


def test_features_and_environments_of_pixi_are_groups(read: ReadManifest) -> None:
    text = """
[project]
name = "x"
[tool.pixi.dependencies]
python = ">=3.10"
numpy = ">=1.20,<2"
[tool.pixi.feature.test.dependencies]
pytest = "*"
matplotlib-base = "3.8.*"
[tool.pixi.feature.test.pypi-dependencies]
x = {path = "."}
y = {version = ">=1", extras = ["z"]}
[tool.pixi.environments]
py = ["test"]
"""
    tests = ["pytest", "matplotlib==3.8.*", "y[z]>=1"]
    assert lines(read({"pyproject.toml": text}, groups=("test",))) == tests
    assert lines(read({"pyproject.toml": text}, groups=("py",))) == ["numpy<2,>=1.20", *tests]


def test_projects_in_folders_are_read_as_one(read: ReadManifest) -> None:
    first = '[project]\nname = "a"\nrequires-python = ">=3.8"\ndependencies = ["b", "six"]\n'
    second = (
        "from setuptools import setup\nsetup(name='b', install_requires=open('r.txt').readlines(),"
    )
    second += " extras_require={'t': ['mock']}, python_requires='<4')\n"
    files = {"sdk/python/pyproject.toml": first, "lib/b/setup.py": second, "lib/b/r.txt": "attrs\n"}
    found = read(files, projects=("sdk/python", "lib/b", "gone"), extras=("t",))
    assert lines(found) == ["six", "attrs", "mock"]
    assert (found.project, found.other_projects) == ("a", ("b",))
    assert found.requires_python == ">=3.8,<4"
    assert found.missing_sources == ("project gone",)
