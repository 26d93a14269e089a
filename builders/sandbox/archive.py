"""Archives of folders, for containers whose engine may be on another machine."""

import tarfile
from pathlib import Path

from curate.builders.model import CONTAINER_USER


def pack_folder(folder: Path, name: str, target: Path) -> Path:
    """Write a tar file with *folder* as *name*, owned by the user of tests; return *target*."""
    user, group = map(int, CONTAINER_USER.split(":"))

    def own(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid, member.uname, member.gname = user, group, "", ""
        return member

    with tarfile.open(target, "w") as archive:
        archive.add(folder, arcname=name.lstrip("/"), filter=own)
    return target
