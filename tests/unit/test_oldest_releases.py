"""A release that is too old for its interpreter is raised, whatever bounds are declared for it."""

import pytest

from curate.builders.lock.oldest_releases import raise_old_releases
from curate.builders.requirements import Manifest, Requirement


def manifest(name: str) -> Manifest:
    declared = Requirement(line=f"{name}<3", name=name, origin="r.txt", is_core=True)
    other = Requirement(line="six", name="six", origin="r.txt")
    return Manifest(requirements=(declared, other), constraints=(f"{name}==2.7.3", "six<2"))


@pytest.mark.parametrize(
    ("package", "python", "oldest"),
    [
        ("pytest==2.7.3", "3.6", "2.8"),
        ("pytest==2.8.7", "3.6", ""),
        ("pytest==2.9.2", "3.8", "3.0"),
        ("pytest==4.6.11", "3.9", ""),
        ("pytest==6.0.2", "3.10", "6.2.5"),
        ("pytest==6.2.5", "3.13", ""),
        ("pytest==2.7.3", "3.99", ""),  # nothing is known of it
        ("pytest-cov==1.0", "3.10", ""),
        ("setuptools==25.1.1", "3.6", "31.0"),  # namespace packages do not import
        ("setuptools==65.6.3", "3.12", "66.1"),  # pkgutil.ImpImporter
        ("setuptools==65.6.3", "3.11", ""),
        ("setuptools==41.0.1", "3.9", "41.2"),  # HTMLParser.unescape
        ("wheel==0.24.0", "3.7", "0.26"),
        ("importlib-metadata==0.18", "3.8", "0.21"),
        ("importlib-metadata==0.18", "3.7", ""),
        ("pip==1.5.6", "3.6", "7.1.2"),  # importlib._bootstrap.SourceFileLoader
        ("pip==23.0.1", "3.12", "23.1.2"),
    ],
)
def test_only_what_is_too_old_is_raised(package: str, python: str, oldest: str) -> None:
    name, _, version = package.partition("==")
    found = raise_old_releases(manifest(name), ["six==1.16.0", package], python)
    assert bool(found) == bool(oldest)
    if found:
        line = f"{name}>={oldest}"
        assert [item.line for item in found.manifest.requirements] == [line, "six"]
        assert found.manifest.constraints == ("six<2", line)
        assert found.sentence == (
            f"raised {name} {version} to {oldest} or later: no older one runs on Python {python}"
        )


def test_several_are_raised_at_once() -> None:
    packages = ["pytest==2.6.4", "setuptools==3.6", "six==1.0"]
    found = raise_old_releases(manifest("pytest"), packages, "3.6")
    assert found is not None
    assert found.manifest.constraints == ("six<2", "pytest>=2.8", "setuptools>=31.0")
    assert found.sentence == (
        "raised pytest 2.6.4 to 2.8 or later, raised setuptools 3.6 to 31.0 or later:"
        " no older one runs on Python 3.6"
    )
