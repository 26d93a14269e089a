"""Settings: flags over environment (CURATE_…) over `curate.toml` over defaults."""

import difflib
import hashlib
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.settings import BuildSettings
from curate.core.errors import ConfigurationError

CONFIG_FILE = Path("curate.toml")
ENV_PREFIX = "CURATE_"


def _default_cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("curate")


class Settings(BaseModel):
    """What a user may set; every name is a key of `curate.toml` and, in capitals, a variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Path("data")  # store, mirrors, releases
    cache: Path = Field(default_factory=_default_cache_dir)
    mirrors: Path | None = None  # bare repositories `owner__name.git`; default data/mirrors
    recipes: Path | None = None  # further recipes, before the built-in ones
    api_url: str = "https://api.github.com"
    base_image: str = BuildSettings.base_image
    interpreters: Path | None = None
    ca_bundle: Path | None = None
    index_url: str = ""
    docker: str = ""
    runtime: str = ""
    namespace: str = BuildSettings.namespace
    registry: str = ""  # where environments are shared
    reserve_gib: float = 4
    disk_gib: float = Field(default=0, ge=0)  # what images and build cache may take; 0 = no limit
    keep_unpushed: bool = True  # whether images that are verified and not pushed stay all the same
    rules: str = "default"  # preset or TOML file: which rows a release holds back

    @property
    def mirror_dir(self) -> Path:
        """Folder of the bare repositories."""
        return self.mirrors or self.data / "mirrors"

    def build_settings(self) -> BuildSettings:
        """The part that concerns the builders."""
        return BuildSettings(
            cache=self.cache.absolute(),
            base_image=self.base_image,
            interpreters=self.interpreters,
            ca_bundle=self.ca_bundle,
            index_url=self.index_url,
            docker=self.docker,
            runtime=self.runtime,
            namespace=self.namespace,
            registry=self.registry,
            reserve_bytes=int(self.reserve_gib * 2**30),
            disk_bytes=int(self.disk_gib * 2**30),
            owner=self.run_owner,
        )

    @property
    def run_owner(self) -> str:
        """Marks the runs of this machine's data folder."""
        place = f"{socket.gethostname()}:{self.data.resolve()}"
        return hashlib.sha256(place.encode()).hexdigest()[:16]


def read_settings(
    flags: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    file: Path = CONFIG_FILE,
) -> Settings:
    """Merge the three sources; ConfigurationError for unknown keys of the file or values that do
    not fit."""
    values = _read_file_settings(file) | _read_env_settings(environment)
    values |= {key: value for key, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explain_error(error) from error


def _read_file_settings(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error


def _read_env_settings(environment: Mapping[str, str]) -> dict[str, object]:
    names = Settings.model_fields
    found = {name: environment.get(ENV_PREFIX + name.upper(), "") for name in names}
    return {name: value for name, value in found.items() if value}


def _explain_error(error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    key = str(first["loc"][0])
    if first["type"] != "extra_forbidden":
        return ConfigurationError(f"The setting {key} does not fit: {first['msg']}.")
    near = difflib.get_close_matches(key, list(Settings.model_fields), n=1)
    hint = f"Perhaps you meant {near[0]!r}?" if near else "See docs/settings.md for all settings."
    return ConfigurationError(f"{CONFIG_FILE} has an unknown key {key!r}.", hint=hint)
