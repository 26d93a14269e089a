"""What provides a module, an option or a library, and what files say of it themselves."""

import pytest
from packaging.utils import canonicalize_name

from curate.environments.other_pythons import list_named_pythons
from curate.environments.providers import load_providers
from curate.validate.anticipate import list_default_options, list_imports
from curate.validate.skipped_tests import list_optional_imports

PROVIDERS = load_providers()


def test_distributions_are_normalized_and_no_entry_says_what_its_name_says() -> None:
    tables = (PROVIDERS.modules, PROVIDERS.fixtures)
    named = {name for table in tables for names in table.values() for name in names}
    named |= {*PROVIDERS.options.values(), *PROVIDERS.ini.values(), *PROVIDERS.markers.values()}
    assert [name for name in named if name != canonicalize_name(name)] == []
    same = [name for name, found in PROVIDERS.modules.items() if found == (name,)]
    assert same == []


@pytest.mark.parametrize(
    ("module", "distributions"),
    [
        ("yaml.nodes", ("pyyaml",)),
        ("some_thing.sub", ("some-thing",)),
        ("google.cloud.storage.blob", ("google-cloud-storage",)),
        ("zope.event.classhandler", ("zope-event-classhandler", "zope-event")),
        ("winreg", ()),
    ],
)
def test_a_module_is_provided_by(module: str, distributions: tuple[str, ...]) -> None:
    assert PROVIDERS.list_distributions(module) == distributions


@pytest.mark.parametrize(
    ("option", "plugin"),
    [
        ("--cov=x", "pytest-cov"),
        ("-n 4", "pytest-xdist"),
        ("-nauto", "pytest-xdist"),
        ("-n4", "pytest-xdist"),
        ("--new", ""),
    ],
)
def test_an_option_belongs_to(option: str, plugin: str) -> None:
    assert PROVIDERS.find_option_plugin(option) == plugin


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libgobject-2.0-0", "libglib2.0-0"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("cairo-2", "libcairo2"),
        ("libnothing.so.3", ""),
    ],
)
def test_a_library_is_in(library: str, package: str) -> None:
    assert PROVIDERS.find_library_package(library) == package


def test_imports_are_those_that_always_happen() -> None:
    source = (
        "import a, b.c\nfrom d.e import f\nfrom . import g\n"
        "try:\n    import h\nexcept ImportError:\n    h = None\n"
        "def test():\n    import i\n"
    )
    assert list_imports(source) == ("a", "b.c", "d.e")
    assert list_imports("print 'old'") == ()


def test_optional_imports_are_those_that_a_file_does_without() -> None:
    source = (
        "import a\nb = pytest.importorskip('b', minversion='1')\n"
        "try:\n    import c\n    from d import e\nexcept ImportError:\n    c = None\n"
        "try:\n    import f\nexcept ValueError:\n    pass\n"
    )
    assert sorted(list_optional_imports(source)) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            "[tool:pytest]\naddopts = --cov=x\n    -n auto -q\nother = --no\n",
            ["--cov=x", "-n", "-q"],
        ),
        ('[tool.pytest.ini_options]\naddopts = ["--cov", "-ra"]\n', ["--cov", "-ra"]),
        (
            '[tool.pytest.ini_options]\naddopts = "--strict-markers -x"\n',
            ["--strict-markers", "-x"],
        ),
        ("[pytest]\ntestpaths = tests\n", []),
    ],
)
def test_default_options_are_those_of_addopts(text: str, options: list[str]) -> None:
    assert list(list_default_options(text)) == options


def test_pythons_are_read_from_tox_and_ci_files() -> None:
    tox = "[tox]\nenvlist = py27,py36,py{37,38}-x,pypy3\n[testenv:py310]\ndeps = a==3.7.1\n"
    workflow = "python-version: ['3.9', \"3.11\", 3.12-dev, pypy-3.8]\n"
    assert list_named_pythons([tox, workflow]) == (*("3.6", "3.7", "3.8", "3.9", "3.10", "3.11"),)
