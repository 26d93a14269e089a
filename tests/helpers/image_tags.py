"""Names of the images of an engine that other tests use at the same time."""

import docker


def list_tags(client: docker.DockerClient) -> list[str]:
    """Return the names of all images, newest first.

    `images.list` asks for each image once more, and ends if one is gone by then.
    """
    return [tag for image in client.api.images() for tag in image["RepoTags"] or ()]
