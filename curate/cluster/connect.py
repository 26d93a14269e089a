"""The cluster that `--cluster` names."""

from urllib.parse import urlsplit

from curate.cluster.protocol import Cluster
from curate.core.errors import ConfigurationError

LOCAL = "local"


def open_cluster(address: str, jobs: int) -> Cluster:
    """Connect to "dask://HOST:PORT" or "ray://HOST:PORT"; "local" starts *jobs* processes.

    Raises ConfigurationError for another address, or if a package is missing; ClusterError if the
    cluster does not respond.
    """
    check_address(address)
    if address == LOCAL:
        from curate.cluster.process_cluster import ProcessCluster

        return ProcessCluster(jobs)
    if address.startswith("ray://"):
        from curate.cluster.ray_cluster import RayCluster

        return RayCluster(address)
    from curate.cluster.dask_cluster import DaskCluster

    return DaskCluster(f"tcp://{address.removeprefix('dask://')}")


def check_address(address: str) -> None:
    """Raise ConfigurationError for an address of no cluster."""
    parts = urlsplit(address)
    try:
        is_valid = parts.scheme in ("dask", "ray") and bool(parts.hostname and parts.port)
    except ValueError:
        is_valid = False
    if address != LOCAL and not is_valid:
        raise ConfigurationError(
            f"Invalid cluster {address!r}.",
            hint="Write dask://HOST:PORT, ray://HOST:PORT or local.",
        )
