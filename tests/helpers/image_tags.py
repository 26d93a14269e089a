"""Names of the images of an engine that other tests use at the same time."""

from contextlib import suppress

import docker


def list_tags(client: docker.DockerClient) -> list[str]:
    """Return the names of all images, newest first.

    `images.list` asks for each image once more, and ends if one is gone by then.
    """
    return [tag for image in client.api.images() for tag in image["RepoTags"] or ()]


def remove_images(*names: str) -> None:
    """Remove the images whose names, tags or digests, begin with one of *names*."""
    client = docker.from_env()
    for image in client.api.images():
        for reference in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())):
            if reference.startswith(names):
                with suppress(docker.errors.ImageNotFound):
                    client.images.remove(reference, force=True)
