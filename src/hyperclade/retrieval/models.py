"""What embeds for an index: an encoder by name, or the network of a trained run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperclade.data.store import fingerprint, folder_fingerprint
from hyperclade.retrieval.distances import Metric

if TYPE_CHECKING:
    from hyperclade.encoders.pretrained import Encoder, Kind

CHECKPOINT = "model.ckpt"


def model_of(name: str, device: str = "auto", kind: "Kind | None" = None) -> "tuple[Encoder, Metric]":
    """An encoder, and how its rows are compared.

    Parameters
    ----------
    name : str
        Folder of a finished retrieval run, or an encoder as `load_encoder` takes it, whose rows are compared
        by cosine.
    device : str
    kind : {"image", "text"}, optional
        What it is to read.

    Raises
    ------
    ValueError
        No such model, or one that does not read that.
    """
    if not is_run(name):
        from hyperclade.encoders.pretrained import load_encoder

        return load_encoder(name, device, kind=kind), Metric("cosine")
    from hyperclade.environment import pick_device
    from hyperclade.retrieval.system import load

    if kind == "text":
        raise ValueError(f"the run in {name} reads images, not texts")
    module = load(name, device=str(pick_device(device)))
    return module.encoder(), module.recipe.space.metric


def identity_of(name: str) -> dict[str, Any]:
    """What tells a model from others: its name and, of a folder, a fingerprint of its files.

    Raises ValueError where it is a folder that is not there.
    """
    path = Path(name)
    if is_run(name):
        return {"name": str(path.resolve()), "files": fingerprint([(CHECKPOINT, path / CHECKPOINT)])}
    if path.is_dir():
        return {"name": str(path.resolve()), "files": folder_fingerprint(path)}
    return {"name": name, "files": None}


def is_run(name: str) -> bool:
    """Whether it is the folder of a finished run."""
    return (Path(name) / CHECKPOINT).is_file()
