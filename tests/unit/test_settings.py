from pathlib import Path

import pytest

from curate.core.errors import ConfigurationError
from curate.core.settings import read_settings


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "curate.toml"
    file.write_text('data_dir = "f"\ncache_dir = "f"\nimage_namespace = "f"\n')
    env = {"CURATE_DATA_DIR": "e", "CURATE_CACHE_DIR": "e"}
    settings = read_settings({"data_dir": Path("flag"), "cache_dir": None}, env, file)
    assert settings.data_dir == Path("flag")
    assert settings.cache_dir == Path("e")
    assert settings.image_namespace == "f"
    assert settings.github_api_url == "https://api.github.com"


def test_an_unknown_key_is_told_with_the_one_meant(tmp_path: Path) -> None:
    file = tmp_path / "curate.toml"
    file.write_text("min_free_disk_gb = 3\n")
    with pytest.raises(ConfigurationError, match="min_free_disk_gb") as caught:
        read_settings({}, {}, file)
    assert "min_free_disk_gib" in caught.value.hint


@pytest.mark.parametrize("text", ["data = ", "min_free_disk_gib = 'much'"])
def test_a_file_that_does_not_fit_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "curate.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError):
        read_settings({}, {}, file)
