from pathlib import Path

import pytest

from curate.core.errors import ConfigurationError
from curate.core.settings import read_settings


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    file = tmp_path / "curate.toml"
    file.write_text('data = "f"\ncache = "f"\nnamespace = "f"\n')
    env = {"CURATE_DATA": "e", "CURATE_CACHE": "e"}
    settings = read_settings({"data": Path("flag"), "cache": None}, env, file)
    assert settings.data == Path("flag")
    assert settings.cache == Path("e")
    assert settings.namespace == "f"
    assert settings.api_url == "https://api.github.com"


def test_an_unknown_key_is_told_with_the_one_meant(tmp_path):
    file = tmp_path / "curate.toml"
    file.write_text("reserve_gb = 3\n")
    with pytest.raises(ConfigurationError, match="reserve_gb") as caught:
        read_settings({}, {}, file)
    assert "reserve_gib" in caught.value.hint


@pytest.mark.parametrize("text", ["data = ", "reserve_gib = 'much'"])
def test_a_file_that_does_not_fit_is_told(tmp_path, text):
    file = tmp_path / "curate.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError):
        read_settings({}, {}, file)
