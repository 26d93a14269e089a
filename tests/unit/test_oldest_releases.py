"""A pytest that is too old for its interpreter is raised, whatever bounds are declared for it."""

import pytest

from curate.builders.lock.oldest_pytest import raise_pytest
from curate.builders.requirements import Manifest, Requirement

DECLARED = Requirement(line="pytest<3", name="pytest", origin="r.txt", is_core=True)
OTHER = Requirement(line="six", name="six", origin="r.txt")
MANIFEST = Manifest(requirements=(DECLARED, OTHER), constraints=("pytest==2.7.3", "six<2"))


@pytest.mark.parametrize(
    ("version", "python", "oldest"),
    [
        ("2.7.3", "3.6", "2.8"),
        ("2.8.7", "3.6", ""),
        ("2.9.2", "3.8", "3.0"),
        ("4.6.11", "3.9", ""),
        ("6.0.2", "3.10", "6.2.5"),
        ("6.2.5", "3.13", ""),
        ("2.7.3", "3.99", ""),  # nothing is known of it
    ],
)
def test_only_a_pytest_that_is_too_old_is_raised(version: str, python: str, oldest: str) -> None:
    found = raise_pytest(MANIFEST, ["six==1.16.0", f"pytest=={version}"], python)
    assert bool(found) == bool(oldest)
    if found:
        line = f"pytest>={oldest}"
        assert [item.line for item in found.manifest.requirements] == [line, "six"]
        assert found.manifest.constraints == ("six<2", line)
        assert found.sentence == (
            f"raised pytest {version} to {oldest} or later: no older one runs on Python {python}"
        )


def test_a_lock_without_pytest_stays() -> None:
    assert raise_pytest(MANIFEST, ["pytest-cov==1.0"], "3.10") is None
