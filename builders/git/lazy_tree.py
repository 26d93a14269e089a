"""Files of many commits of one repository, read folder by folder through one git process."""

from pathlib import Path

from curate.builders.git.objects import ObjectReader

_FILE_MODES = frozenset({b"100644", b"100755", b"100664"})
_FOLDER_MODES = frozenset({b"40000", b"040000"})
_MAX_FOLDERS = 20_000  # that are remembered

Folder = dict[str, tuple[bytes, str]]  # name -> mode, object id


class TreeReader:
    """Reads folders of a repository, each only once; not safe to share between threads."""

    def __init__(self, repo: Path) -> None:
        self._objects = ObjectReader(repo)
        self._folders: dict[str, Folder] = {}

    def close(self) -> None:
        """Stop the git processes."""
        self._objects.close()

    def read_blob(self, oid: str) -> bytes | None:
        """Return the content of the object *oid*; None if it is missing."""
        return self._objects.read(oid)

    def read_folder(self, oid: str) -> Folder | None:
        """Return the entries of the tree *oid*, or of the tree of a commit; None if missing."""
        if oid not in self._folders:
            content = self._objects.read(f"{oid}^{{tree}}")
            if content is None:
                return None
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            self._folders[oid] = _parse_tree(content, len(oid) // 2)
        return self._folders[oid]


class LazyTree:
    """The files of one commit; only the folders that are asked for are read.

    A `FileTree`: as there, symbolic links are not followed and do not count as files.
    """

    def __init__(self, reader: TreeReader, commit: str) -> None:
        self._reader = reader
        self._root = reader.read_folder(commit)

    def exists(self) -> bool:
        """Whether the repository has the commit."""
        return self._root is not None

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if there is no such file."""
        oid = self.object_id(path)
        return self._reader.read_blob(oid) if oid else None

    def object_id(self, path: str) -> str | None:
        """Return the id of the content of *path*, or None if there is no such file."""
        folder, _, name = path.rpartition("/")
        mode, oid = self._find_folder(folder).get(name, (b"", ""))
        return oid if mode in _FILE_MODES else None

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        entries = self._find_folder(folder.strip("/"))
        return tuple(sorted(name for name, (mode, _) in entries.items() if mode in _FILE_MODES))

    def _find_folder(self, path: str) -> Folder:
        found = self._root or {}
        for name in path.split("/") if path else ():
            mode, oid = found.get(name, (b"", ""))
            found = (self._reader.read_folder(oid) if mode in _FOLDER_MODES else None) or {}
        return found


def _parse_tree(content: bytes, id_bytes: int) -> Folder:
    """Return the entries of a tree object: "mode name", a zero byte, the object id."""
    entries, start = {}, 0
    while start < len(content):
        end = content.index(b"\0", start)
        mode, name = content[start:end].split(b" ", 1)
        start = end + 1 + id_bytes
        entries[name.decode("utf-8", "surrogateescape")] = (mode, content[end + 1 : start].hex())
    return entries
