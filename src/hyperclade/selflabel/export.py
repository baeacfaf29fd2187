"""What a trained system hands on, in a folder: features, clusters, hierarchies and pictures of samples."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hyperclade.data.atomic import atomic_write
from hyperclade.data.features import write_features
from hyperclade.progress import Say
from hyperclade.report import (
    HierarchyPanel,
    describe_clusters,
    draw_cluster_similarity,
    draw_hierarchies,
    nearest_exemplars,
    sound_pictures,
    upper_tree,
)
from hyperclade.selflabel.config import Modality
from hyperclade.selflabel.evaluation import cluster_labels
from hyperclade.selflabel.module import SelfLabelling, both_features, media_of
from hyperclade.selflabel.sources import Seen
from hyperclade.trees.tree import Tree

_SHOWN_CLUSTERS = 40  # in the picture of the hierarchies
_EXEMPLARS = 5  # pictures per cluster


def export_found(
    module: SelfLabelling, samples: Seen, folder: str | os.PathLike, say: Say | None = None
) -> list[str]:
    """Write features, clusters and pictures of samples to a folder, for `discover` among others; gives names.

    There are `features.npy` of both modalities side by side, with ids and labels in `features.rows.parquet`;
    `vision.npy` and `audio.npy`; `assignments.parquet` with a column of clusters by vision, audio and both;
    for systems with joint labels `tree-vision.json`, `tree-audio.json` and `tree-joint.json`
    (`Tree.from_json` reads them; leaves are clusters), and, if the samples lie in two clusters or more,
    `cluster-similarity.png` (sHHC, Figure 3) and `hierarchies.png` (sHHC, Figure 4). Of several heads it is
    the one with the least training loss. Labels, if any, go along with the features and describe the clusters
    in the pictures. Of images there is what is by vision alone.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    features = module.extract(samples)
    rows = {"features": both_features(features)} | {m: features[m].cpu().numpy() for m in features}
    ids = list(samples.ids) or [str(row) for row in range(len(samples))]
    labels = None
    if samples.labels is not None:
        labels = [_class_name(samples, label) for label in samples.labels.tolist()]
    head = int(np.argmin(module.head_loss.cpu().numpy()))
    clusters = {
        view: found[head if len(found) > 1 else 0] for view, found in cluster_labels(module, features).items()
    }
    for name, values in rows.items():
        write_features(folder / f"{name}.npy", values, ids=ids, labels=labels)
    columns = {"id": ids, "label": labels or [None] * len(samples)}
    with atomic_write(folder / "assignments.parquet") as file:
        pq.write_table(pa.table(columns | clusters), file)
    written = [*(f"{name}.npy" for name in rows), "assignments.parquet"]
    if module.recipe.system.label_sets == ("joint",):
        trees = {view: module.tree(view, head) for view in clusters}
        for view, tree in trees.items():
            with atomic_write(folder / f"tree-{view}.json", "w") as file:
                file.write(tree.to_json())
            written.append(f"tree-{view}.json")
        written += _draw(folder, rows, clusters, trees, samples, say)
    return written


def _draw(
    folder: Path,
    rows: dict[str, Any],
    by_view: dict[str, Any],
    trees: dict[str, Any],
    samples: Seen,
    say: Say | None,
) -> list[str]:
    """Figures 3 and 4 in kind, and their names. Clusters that none of the samples is in are left out."""
    whole = "joint" if "joint" in trees else "vision"
    found, clusters = np.unique(by_view[whole], return_inverse=True)
    if len(found) < 2:
        return []
    trees = {view: tree.restrict(found) for view, tree in trees.items()}
    names = [str(cluster) for cluster in found]
    if samples.labels is not None and samples.class_names:
        described = describe_clusters(clusters, samples.labels, samples.class_names, len(found), most=1)
        names = [text.rpartition(" (")[0] or name for text, name in zip(described, names, strict=True)]
    draw_cluster_similarity(
        trees[whole], folder / "cluster-similarity.png", rows["features"], clusters, names=names, say=say
    )
    order: tuple[Modality, ...] = ("audio", "vision")
    panels = [_panel(m, trees[m], rows[m], clusters, samples) for m in order if m in trees]
    same = len(panels) == 2 and all(panel.tree.n_leaves == len(found) for panel in panels)
    draw_hierarchies(panels, folder / "hierarchies.png", same_clusters=same, say=say)
    return ["cluster-similarity.png", "hierarchies.png"]


def _panel(
    view: Modality, tree: Tree, rows: np.ndarray, clusters: np.ndarray, samples: Seen
) -> HierarchyPanel:
    if tree.n_leaves > _SHOWN_CLUSTERS:
        clusters = tree.cut(_SHOWN_CLUSTERS)[clusters]
        tree = upper_tree(tree, _SHOWN_CLUSTERS)
    media, items = media_of(samples, view)
    chosen = nearest_exemplars(rows, clusters, tree.n_leaves, count=_EXEMPLARS, items=items)
    pictures = [np.asarray(media[items[of_one]]) for of_one in chosen]
    if view == "vision":
        pictures = [frames[:, frames.shape[1] // 2] for frames in pictures]
    else:
        pictures = [sound_pictures(sounds) for sounds in pictures]
    captions: list[str] = []
    if samples.labels is not None and samples.class_names:
        captions = describe_clusters(clusters, samples.labels, samples.class_names, tree.n_leaves)
    return HierarchyPanel("Vision" if view == "vision" else "Sound", tree, pictures, captions)


def _class_name(samples: Seen, label: int) -> str | None:
    if label < 0:
        return None
    return samples.class_names[label] if samples.class_names else str(label)
