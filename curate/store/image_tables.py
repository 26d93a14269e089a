"""Images of verified candidates: which were pushed where, and which were not."""

from curate.core.model import Validation
from curate.store.database import Database
from curate.store.derived import DerivedTable
from curate.store.serialization import loads

_IMAGES = "image-or-folder"
_GONE = "gone:"  # before the id of an image that the registry no longer has


class ImageTables:
    """The part of the store that concerns images."""

    _database: Database
    derived: DerivedTable

    def pushed_images(self, registry: str) -> dict[str, tuple[str, str]]:
        """Return (image id, reference by digest) of images pushed to *registry*, by instance id."""
        rows = self._database.fetch_all(
            "SELECT instance_id, image, reference FROM pushed_images WHERE registry = ?", registry
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def pushed_references(self, registry: str = "") -> dict[tuple[str, str], str]:
        """Return the reference by digest of each (instance id, image id) that was pushed.

        It is that in *registry*; "" = any of them.
        """
        query = (
            "SELECT instance_id, image, reference FROM pushed_images"
            " WHERE registry = ?1 OR ?1 = '' ORDER BY reference"
        )
        rows = self._database.fetch_all(query, registry)
        return {(name, image.removeprefix(_GONE)): reference for name, image, reference in rows}

    def image_ids_by_digest(self) -> dict[str, str]:
        """Return the id of the local image that was pushed, by the digest of its manifest."""
        rows = self._database.fetch_all("SELECT image, reference FROM pushed_images")
        return {row[1].partition("@")[2]: row[0].removeprefix(_GONE) for row in rows}

    def gone_images(self) -> frozenset[str]:
        """Return the digests of manifests that were pushed and are no longer in the registry."""
        query = "SELECT reference FROM pushed_images WHERE substr(image, 1, 5) = ?"
        return frozenset(row[0].partition("@")[2] for row in self._database.fetch_all(query, _GONE))

    def mark_pushed_image(self, reference: str, *, is_gone: bool) -> None:
        """Record that the registry no longer has *reference*, or has it after all.

        A gone image counts as never pushed, so the next push sends it again.
        """
        change = (
            ("?1 || image", "substr(image, 1, 5) <> ?1")
            if is_gone
            else ("substr(image, 6)", "substr(image, 1, 5) = ?1")
        )
        self._database.execute(
            f"UPDATE pushed_images SET image = {change[0]} WHERE reference = ?2 AND {change[1]}",
            *(_GONE, reference),
        )

    def unpushed_images(self) -> frozenset[str]:
        """Return the ids of verified candidates' images that were never pushed."""
        pushed_ids = {row[0] for row in self._database.fetch_all("SELECT image FROM pushed_images")}
        built = frozenset(self.verified_images().values()) - pushed_ids - {""}
        return frozenset(image for image in built if not image.startswith("/"))

    def verified_images(self) -> dict[str, str]:
        """Return the image id, or folder of a local build, of each verified candidate by its id.

        A validation is read for it only once.
        """
        rows = self._database.fetch_all(
            "SELECT instance_id, hash FROM validations INDEXED BY validations_state"
            " WHERE stage IS NULL"
        )
        current, known = dict(rows), self.derived.inputs_by_key(_IMAGES)
        for name in current.keys() - {key for key in known if known[key] == current.get(key)}:
            row = self._database.fetch_one(
                "SELECT data FROM validations WHERE instance_id = ?", name
            )
            env = loads(Validation, row[0]).environment if row else None
            image = (env.digest or env.handle) if env else ""
            self.derived.save(_IMAGES, [(name, current[name], image.encode())])
        found = self.derived.iter_data(_IMAGES, list(current))
        return {name: packed.decode() for name, packed in found}

    def save_pushed_image(
        self, instance_id: str, registry: str, image: str, reference: str
    ) -> None:
        """Record that *image* was pushed to *registry* as *reference* (name@sha256:…)."""
        with self._database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO pushed_images VALUES (?, ?, ?, ?)",
                (instance_id, registry, image, reference),
            )
