"""Addresses of submodules become names of repositories, or nothing."""

import pytest

from curate.core.settings import Settings
from curate.git.gitmodules import hide_credentials, name_repository
from curate.git.locations import mirror_path


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/nodejs/http-parser.git", "github.com/nodejs/http-parser"),
        ("https://github.com/nodejs/http-parser/", "github.com/nodejs/http-parser"),
        ("http://github.com/a/b", "github.com/a/b"),
        ("git://github.com/a/b.git", "github.com/a/b"),
        ("ssh://git@github.com/a/b.git", "github.com/a/b"),
        ("git@github.com:a/b.git", "github.com/a/b"),
        ("https://me:secret@GitHub.com/a/b.c", "github.com/a/b.c"),
        ("https://gitlab.com/group/sub/name.git", "gitlab.com/group/sub/name"),
        ("https://git.test:8443/a/b", "git.test:8443/a/b"),
        ("../other.git", "owner/other"),
        ("../../else/other", "else/other"),
        ("./sub", ""),  # a repository within a repository: GitHub has none
        ("../../../etc/passwd", "etc/passwd"),  # of GitHub, not of this machine
        ("", ""),
        ("/srv/git/a/b.git", ""),
        ("file:///srv/git/a/b.git", ""),
        ("ext::sh -c touch% /tmp/x", ""),
        ("-u./payload", ""),
        ("https://-oProxyCommand=x/a/b", ""),
        ("ssh://-oProxyCommand=x/a/b", ""),
        ("https://github.com/a/--upload-pack=x", ""),
        ("https://github.com/../../a", ""),
        ("https://github.com/a/b?x=y", ""),
        ("https://github.com/a\nb/c", ""),
        ("https://github.com/a/b c", ""),
        ("git@github.com:../../a", ""),
        ("https://github.com/single", ""),
        ("https://github.com/\u0430/b", ""),
    ],
)
def test_names(address: str, name: str) -> None:
    assert name_repository(address, "owner/name") == name


@pytest.mark.parametrize(
    ("repo", "file"),
    [
        ("a/b", "a__b.git"),
        ("github.com/a/b", "a__b.git"),
        ("gitlab.com/a/b/c", "gitlab.com__a__b__c.git"),
    ],
)
def test_the_host_of_the_crawl_is_not_part_of_a_mirrors_name(repo: str, file: str) -> None:
    assert mirror_path(Settings(), repo).name == file


def test_passwords_are_hidden() -> None:
    assert hide_credentials("https://me:secret@x.test/a") == "https://x.test/a"
    assert hide_credentials("git@x.test:a/b") == "git@x.test:a/b"
