"""The world that is served: repositories with their pulls and issues, as plain dictionaries.

A repository is a folder of three files; keys and values are GraphQL's, so what a query returns can
be read off the file. Times are ISO 8601 in UTC (`2022-05-01T12:00:00Z`), a missing optional key
takes the value in brackets.

`repository.json`: `nameWithOwner`, [`defaultBranch` "main", `description` null, `createdAt`,
`stargazerCount` 0, `forkCount` 0, `isFork`, `isArchived`, `isPrivate` false, `license` null (SPDX
id), `language` "Python", `languages` ({name: bytes}), `contributors` 0, `formerNames` [] (names
the repository had; GitHub follows renames)].

`pulls.jsonl`, one pull a line: `number`, `title`, `body`, `state` (OPEN, CLOSED or MERGED),
`createdAt`, `updatedAt`, `mergedAt` or null, `baseRefName`, `baseRefOid`, `headRefOid`,
`mergeCommit` (`{oid, message, authoredDate, committedDate}` or null), `author` (login or null),
`commits` [{oid, message, authoredDate, committedDate}], `closing` [{repo, number}],
[`headRefName` "patch-N", `comments` [], `labels` [], `closedAt`, `isDraft` false].

`issues.jsonl`, one issue a line: `number`, `title`, `body`, `state` (OPEN or CLOSED), `createdAt`,
`updatedAt`, `author`, `comments` [{createdAt, body, author, updatedAt, `edits` []}], [`labels` [],
`stateReason`, `closedAt`, `edits` [], `renames` [{createdAt, previousTitle, currentTitle}]].
`edits` are the versions of a text that was edited, the first one included where GitHub has it:
[{editedAt, diff, `deletedAt` null}], in any order; `lastEditedAt` stands for edits without history.

An issue that was transferred is at its new place alone; [`transferred` {number: {repo, number}}] of
`repository.json` leads there from the old one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(kw_only=True)
class Repository:
    """One repository; tests may change it while it is served."""

    facts: Json
    pulls: dict[int, Json] = field(default_factory=dict)
    issues: dict[int, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name with owner, as GitHub spells it."""
        return str(self.facts["nameWithOwner"])

    @classmethod
    def of(
        cls, name: str, *, pulls: Iterable[Json] = (), issues: Iterable[Json] = (), **facts: Any
    ) -> "Repository":
        """Make a repository from pulls and issues in any order."""
        return cls(
            facts={"nameWithOwner": name, **facts},
            pulls={pull["number"]: pull for pull in pulls},
            issues={issue["number"]: issue for issue in issues},
        )

    @classmethod
    def load(cls, folder: Path) -> "Repository":
        """Read a repository's folder."""
        facts = json.loads((folder / "repository.json").read_text(encoding="utf-8"))
        name = facts.pop("nameWithOwner")
        pulls = _lines(folder / "pulls.jsonl")
        return cls.of(name, pulls=pulls, issues=_lines(folder / "issues.jsonl"), **facts)

    def save(self, folder: Path) -> None:
        """Write the folder that `load` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.facts, indent=1, ensure_ascii=False)
        (folder / "repository.json").write_text(text + "\n", encoding="utf-8")
        _write(folder / "pulls.jsonl", self.pulls)
        _write(folder / "issues.jsonl", self.issues)


class World:
    """Repositories by name; names compare without case, as GitHub's do."""

    def __init__(self, *repositories: Repository) -> None:
        self._by_name: dict[str, Repository] = {}
        for repository in repositories:
            self.add(repository)

    def add(self, repository: Repository) -> None:
        """Add or replace a repository."""
        for name in (repository.name, *repository.facts.get("formerNames", ())):
            self._by_name[name.lower()] = repository

    def remove(self, name: str) -> None:
        """Delete a repository with all its names."""
        gone = self[name]
        self._by_name = {key: it for key, it in self._by_name.items() if it is not gone}

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name; the old one leads to it."""
        repository = self[old]
        former = [*repository.facts.get("formerNames", ()), repository.name]
        repository.facts |= {"nameWithOwner": new, "formerNames": former}
        self.add(repository)

    def transfer(self, name: str, number: int, to: str, new_number: int) -> None:
        """Move an issue to another repository; its old number leads there."""
        issue = self[name].issues.pop(number)
        self[to].issues[new_number] = issue | {"number": new_number}
        places = self[name].facts.setdefault("transferred", {})
        places[str(number)] = {"repo": to, "number": new_number}

    def find(self, name: str) -> Repository | None:
        """Return the repository of a name, present or former."""
        return self._by_name.get(name.lower())

    def __getitem__(self, name: str) -> Repository:
        return self._by_name[name.lower()]

    def __iter__(self) -> Iterator[Repository]:
        return iter({id(it): it for it in self._by_name.values()}.values())

    @classmethod
    def load(cls, *paths: Path) -> "World":
        """Read repository folders, folders of them, or any of the files in one.

        Raises:
            FileNotFoundError: A path leads to no repository.
        """
        return cls(*(Repository.load(folder) for path in paths for folder in _folders(path)))


def _folders(path: Path) -> list[Path]:
    start = path.parent if path.is_file() else path
    found = sorted(file.parent for file in start.rglob("repository.json"))
    if not found:
        raise FileNotFoundError(f"no repository.json at {path}")
    return found


def _lines(path: Path) -> Iterator[Json]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _write(path: Path, things: Mapping[int, Json]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for number in sorted(things):
            out.write(json.dumps(things[number], ensure_ascii=False) + "\n")
