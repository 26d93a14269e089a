"""Instances in Gymnasium's registry; Gymnasium is imported only by who uses it."""

from typing import Any

from curate.core.settings import Settings

_ENTRY_POINT = "curate.gym.gymnasium_env:GymnasiumEnvironment"
NAMESPACE = "curate"


def register_instances(
    dataset: str = "", split: str = "train", *, settings: Settings | None = None, **options: Any
) -> list[str]:
    """Register every instance of a dataset as `curate/<instance id>`; return these names.

    The arguments are those of `make`. What is registered already is replaced.
    """
    import gymnasium

    from curate.core.settings import read_settings
    from curate.gym.make import open_dataset

    names = []
    with open_dataset(dataset, split, settings or read_settings({})) as source:
        ids = source.ids
    for instance_id in ids:
        name = f"{NAMESPACE}/{instance_id}"
        kwargs = {"instance_id": instance_id, "dataset": dataset, "split": split}
        kwargs |= {"settings": settings} | options
        gymnasium.registry.pop(name, None)
        gymnasium.register(id=name, entry_point=_ENTRY_POINT, kwargs=kwargs, nondeterministic=True)
        names.append(name)
    return names
