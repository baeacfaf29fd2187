"""`hyperclade predict recognition`: what a trained method says about samples."""

import sys
from pathlib import Path
from typing import Literal

from hyperclade.cli.evaluate_recognition import trained_source
from hyperclade.recognition.config import Source


def predict_recognition(
    checkpoint: str,
    inputs: str,
    *,
    out: str,
    source: Source,
    coherent: Literal["max", "min", "none"] = "min",
    threshold: float = 0.5,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Score samples, label them coherently and give each a path down the taxonomy; mask images.

    Args:
        checkpoint: Folder of a finished run, or its model.ckpt.
        inputs: ARFF or feature file, image, folder of images, Parquet or CSV file that lists images, or the
            test split of imclef07a and others by name.
        out: Table to write, .parquet or .csv; for methods trained on masks a folder of masks and overlays.
        source: How files are read; images are brought to the size of those in training by default. For masks
            they keep their own.
        coherent: Let no node score above an ancestor (min), none below a descendant (max), or none.
        threshold: Score from which on a node is a label. Scores are probabilities, but for boxe, devise,
            barz-denzler and hssn, where 0.5 means nothing.
        device: auto, cpu, cuda or cuda:N.
        progress: Show a bar.
    """
    from rich.console import Console

    from hyperclade.data.image_rows import Pictures
    from hyperclade.recognition import prediction
    from hyperclade.recognition.sources import load_inputs
    from hyperclade.recognition.training import load

    console = Console(highlight=False, markup=False, soft_wrap=True)
    module = load(checkpoint, device=device)
    own_sizes = module.task.kind == "pixels" and source.size is None
    rows, ids, skipped = load_inputs(inputs, source=trained_source(module, source), own_sizes=own_sizes)
    for name, reason in skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if module.task.kind == "pixels":
        written = prediction.write_masks(out, module, rows, ids, progress=progress)
        console.print(f"Written to {out}: {len(written):,} masks with overlays, classes.json")
        return
    assert not isinstance(rows, Pictures)
    prediction.check_table(Path(out))
    if not module.scorer.method.probabilities:
        name = module.recipe.method.name
        print(
            f"scores of {name} are no probabilities: --threshold {threshold:g} says little", file=sys.stderr
        )
    found = prediction.predict(module, rows, coherent=coherent, threshold=threshold, progress=progress)
    prediction.write_predictions(out, found, ids)
    for name, way in list(zip(ids, found.paths(), strict=True))[:5]:
        console.print(f"{name}: {' / '.join(way)}")
    console.print(f"Written to {out}: {len(ids):,} samples")
