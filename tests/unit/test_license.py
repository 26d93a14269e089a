"""Licenses: the text if it is certain, else the metadata, and both if they differ."""

import pytest

from curate.publish.measures.license import detect_license, to_spdx


def identify(text: str) -> tuple[str, float]:
    name, likeness = text.split()
    return name, float(likeness)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"LICENSE": b"MIT 0.95"}, "MIT"),
        ({"LICENSE": b"MIT 0.85"}, ""),
        ({"LICENSE": b"Python-2.0.1 0.85", "setup.py": b"  license='MIT License',"}, "MIT"),
        (
            {"LICENSE": b"Python-2.0.1 0.99", "setup.py": b"  license='MIT License',"},
            "MIT AND Python-2.0.1",
        ),
        ({"LICENSE": b"MIT 1.0", "COPYING": b"ISC 1.0"}, "ISC AND MIT"),
        ({"pyproject.toml": b'license = "BSD-3-Clause"\n'}, "BSD-3-Clause"),
        ({"pyproject.toml": b"license = {file = 'LICENSE'}\n"}, ""),
        ({"setup.cfg": b"[metadata]\nlicense = Apache 2.0\n"}, "Apache-2.0"),
        ({"setup.py": b"'License :: OSI Approved :: BSD License',"}, ""),
        (
            {"setup.py": b'"License :: OSI Approved :: Apache Software License",'},
            "Apache-2.0",
        ),
        ({}, ""),
    ],
)
def test_two_witnesses(files: dict[str, bytes], expected: str) -> None:
    assert detect_license(files, identify) == expected


def test_spdx_expressions_are_kept_and_written_as_spdx_does() -> None:
    assert to_spdx("mit or apache-2.0") == "MIT OR Apache-2.0"
    assert to_spdx("my own words") == ""
