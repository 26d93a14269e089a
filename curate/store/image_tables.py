"""Images of verified candidates: which were pushed where, and which were not."""

from curate.core.model import Validation
from curate.store.database import Database
from curate.store.derived import DerivedTable
from curate.store.serialization import loads

_IMAGES = "image-or-folder"


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

    def list_pushes(self) -> list[tuple[str, str, str]]:
        """Return (instance id, image id, reference by digest) of all pushes, sorted."""
        query = "SELECT instance_id, image, reference FROM pushed_images ORDER BY 1, 2, 3"
        return [(row[0], row[1], row[2]) for row in self._database.fetch_all(query)]

    def image_ids_by_digest(self) -> dict[str, str]:
        """Return the id of the local image that was pushed, by the digest of its manifest."""
        return {reference.partition("@")[2]: image for _, image, reference in self.list_pushes()}

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
