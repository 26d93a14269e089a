"""Code that means harm, and what must come of it in a container: one table, small files.

A test called `test_good` passes honestly, one called `test_bad` does not: it must never count as
FAIL_TO_PASS, except where a case says that nothing guards against it (`guarded=False`).
"""

import docker

from tests.hostile.case import Case
from tests.hostile.ending import CASES as ENDING
from tests.hostile.escaping import CASES as ESCAPING
from tests.hostile.flooding import CASES as FLOODING
from tests.hostile.forging import CASES as FORGING

CASES: tuple[Case, ...] = (*FORGING, *FLOODING, *ESCAPING, *ENDING)


def cases_for(client: docker.DockerClient) -> list[Case]:
    """Those that hold for the engine behind *client*: Podman filters fewer system calls."""
    names = [str(each["Name"]) for each in client.version().get("Components", [])]
    engine = "podman" if any("Podman" in name for name in names) else "docker"
    return [case for case in CASES if case.only in ("", engine)]


__all__ = ["CASES", "Case", "cases_for"]
