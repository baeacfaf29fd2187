"""`hyperclade evaluate selflabel`: judge a trained system, and hand its features and hierarchies on."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperclade.cli.train_selflabel import read_pairs
from hyperclade.selflabel.sources import AVDIGITS, Media

if TYPE_CHECKING:
    import numpy as np

    from hyperclade.data.paired import PairedSet
    from hyperclade.report import HierarchyPanel
    from hyperclade.selflabel.module import SelfLabelling
    from hyperclade.trees.tree import Tree

_MEASURES = {
    "nmi": "NMI",
    "nmi_ceiling": "ceiling",
    "ari": "ARI",
    "hungarian_accuracy": "accuracy",
    "mean_purity": "purity",
    "weighted_purity": "weighted",
    "cluster_entropy": "entropy",
}
_SHOWN_CLUSTERS = 40  # in the picture of the hierarchies
_EXEMPLARS = 5  # pictures a cluster


def evaluate_selflabel(
    checkpoint: str,
    *,
    data: str,
    media: Media,
    test_data: str | None = None,
    merge_to: list[int] = [],  # noqa: B006 - read only
    probe: list[float] = [0.01, 0.1],  # noqa: B006
    fine_tune: list[float] = [],  # noqa: B006
    export: str | None = None,
    out: str | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Judge the clusters of a trained system against classes, and its features on labelled tasks.

    Args:
        checkpoint: Folder of a finished run, or its model.ckpt.
        data: "avdigits", CSV file or folder of clips: labelled pairs for probes and fine-tuning, and those
            judged if there are no test data.
        media: Decoding of clips.
        test_data: Pairs to judge; default: the test split of avdigits, or DATA, then without probes.
        merge_to: Numbers of clusters to merge to by the tree, `--merge_to 60 34`.
        probe: Fractions of labels for linear probes; `--probe` alone for none.
        fine_tune: Fractions of labels for fine-tuning, none by default.
        export: Folder for features.npy, assignments.parquet, tree-vision.json, tree-audio.json,
            tree-joint.json, cluster-similarity.png and hierarchies.png of the pairs judged.
        out: JSON file for all figures.
        seed: Seed of the draws of labels and pairs.
        device: auto, cpu, cuda or cuda:N.
        progress: Show bars.
    """
    from rich.console import Console

    from hyperclade.selflabel import evaluation, load

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if export is not None:
        _check_folder(Path(export))
    module = load(checkpoint, device=device)
    known, judged = _pairs(data, test_data, media, seed, progress)
    for pairs in (known, judged):
        if pairs is not None:
            _check_fit(module, pairs)
    labelled = judged.labels is not None and bool((judged.labels >= 0).any())
    if not labelled and export is None:
        raise ValueError(
            f"the pairs of {test_data or data} have no labels to judge by; --export writes features, "
            "clusters and pictures without"
        )
    figures: dict[str, Any] = {"checkpoint": str(checkpoint), "data": data, "pairs": len(judged)}
    if labelled:
        figures["clusters"] = evaluation.evaluate_clusters(module, judged, merge_to=merge_to)
        console.print(f"Clusters of {len(judged):,} pairs against {_n_classes(judged)} classes")
        _print_clusters(console, figures["clusters"])
        if known is None:
            console.print("Without --test_data no pairs are left over for probes and fine-tuning")
        elif probe:
            figures["probe"] = evaluation.linear_probe(
                module, known, judged, fractions=probe, random_state=seed
            )
            _print_accuracies(console, "Linear probe", figures["probe"])
        if known is not None and fine_tune:
            figures["fine_tune"] = [
                row
                for fraction in fine_tune
                for row in evaluation.fine_tune(module, known, judged, fraction=fraction, random_state=seed)
            ]
            _print_accuracies(console, "Fine-tuning", figures["fine_tune"])
    if out is not None:
        _write_json(Path(out), figures)
        console.print(f"Written to {out}")
    if export is not None:
        names = export_found(module, judged, Path(export))
        console.print(f"Written to {export}: {', '.join(names)}")


def export_found(module: "SelfLabelling", pairs: "PairedSet", folder: str | os.PathLike) -> list[str]:
    """Write features, clusters and pictures of pairs to a folder, for `discover` among others.

    Args:
        module: trained.
        pairs: labels, if any, go along with the features and describe the clusters in the pictures.
        folder: gets `features.npy` of both modalities side by side, with ids and labels in
            `features.rows.parquet`; `vision.npy` and `audio.npy`; `assignments.parquet` with a column of
            clusters by vision, audio and both; for systems with joint labels `tree-vision.json`,
            `tree-audio.json` and `tree-joint.json` (`Tree.from_json` reads them; leaves are clusters), and,
            if the pairs lie in two clusters or more, `cluster-similarity.png` (sHHC, Figure 3) and
            `hierarchies.png` (sHHC, Figure 4). Of several heads it is the one with the least training loss.

    Returns:
        Names of the files.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hyperclade.data.atomic import atomic_write
    from hyperclade.data.features import write_features
    from hyperclade.selflabel.evaluation import cluster_labels
    from hyperclade.selflabel.module import both_features

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    features = module.extract(pairs)
    rows = {"features": both_features(features)} | {m: features[m].cpu().numpy() for m in features}
    ids = list(pairs.ids) or [str(row) for row in range(len(pairs))]
    labels = None if pairs.labels is None else [_class_name(pairs, label) for label in pairs.labels.tolist()]
    head = int(np.argmin(module.head_loss.cpu().numpy()))
    clusters = {
        view: found[head if len(found) > 1 else 0] for view, found in cluster_labels(module, features).items()
    }
    for name, values in rows.items():
        write_features(folder / f"{name}.npy", values, ids=ids, labels=labels)
    columns = {"id": ids, "label": labels or [None] * len(pairs)}
    with atomic_write(folder / "assignments.parquet") as file:
        pq.write_table(pa.table(columns | clusters), file)
    written = ["features.npy", "vision.npy", "audio.npy", "assignments.parquet"]
    if module.recipe.system.label_sets == ("joint",):
        trees = {view: module.tree(view, head) for view in clusters}
        for view, tree in trees.items():
            with atomic_write(folder / f"tree-{view}.json", "w") as file:
                file.write(tree.to_json())
            written.append(f"tree-{view}.json")
        written += _draw(folder, rows, clusters["joint"], trees, pairs)
    return written


def _draw(
    folder: Path, rows: dict[str, Any], clusters: Any, trees: dict[str, Any], pairs: "PairedSet"
) -> list[str]:
    """Figures 3 and 4 in kind, and their names. Clusters that none of the pairs is in are left out."""
    import numpy as np

    from hyperclade.report import (
        describe_clusters,
        draw_cluster_similarity,
        draw_hierarchies,
    )

    found, clusters = np.unique(clusters, return_inverse=True)
    if len(found) < 2:
        return []
    trees = {view: _pruned(tree, found) for view, tree in trees.items()}
    names = [str(cluster) for cluster in found]
    if pairs.labels is not None and pairs.class_names:
        described = describe_clusters(clusters, pairs.labels, pairs.class_names, len(found), most=1)
        names = [text.rpartition(" (")[0] or name for text, name in zip(described, names, strict=True)]
    draw_cluster_similarity(
        trees["joint"], folder / "cluster-similarity.png", rows["features"], clusters, names=names
    )
    panels = [_panel(view, trees[view], rows[view], clusters, pairs) for view in ("audio", "vision")]
    same = all(panel.tree.n_leaves == len(found) for panel in panels)
    draw_hierarchies(panels, folder / "hierarchies.png", same_clusters=same)
    return ["cluster-similarity.png", "hierarchies.png"]


def _panel(
    view: str, tree: "Tree", rows: "np.ndarray", clusters: "np.ndarray", pairs: "PairedSet"
) -> "HierarchyPanel":
    import numpy as np

    from hyperclade.report import (
        HierarchyPanel,
        describe_clusters,
        nearest_exemplars,
        sound_pictures,
        upper_tree,
    )

    if tree.n_leaves > _SHOWN_CLUSTERS:
        clusters = tree.cut(_SHOWN_CLUSTERS)[clusters]
        tree = upper_tree(tree, _SHOWN_CLUSTERS)
    items = pairs.frame_rows if view == "vision" else pairs.sound_rows
    chosen = nearest_exemplars(rows, clusters, tree.n_leaves, count=_EXEMPLARS, items=items)
    media = pairs.frames if view == "vision" else pairs.sounds
    pictures = [np.asarray(media[items[of_one]]) for of_one in chosen]
    if view == "vision":
        pictures = [frames[:, frames.shape[1] // 2] for frames in pictures]
    else:
        pictures = [sound_pictures(sounds) for sounds in pictures]
    captions: list[str] = []
    if pairs.labels is not None and pairs.class_names:
        captions = describe_clusters(clusters, pairs.labels, pairs.class_names, tree.n_leaves)
    return HierarchyPanel("Vision" if view == "vision" else "Sound", tree, pictures, captions)


def _pruned(tree: "Tree", leaves: "np.ndarray") -> "Tree":
    """The tree over some of its leaves, numbered in the order given."""
    import numpy as np

    from hyperclade.trees import Tree

    if len(leaves) == tree.n_leaves:
        return tree
    kept = np.isin(tree.leaf_order, leaves)
    before = np.r_[0, np.cumsum(kept)]
    start, stop = tree.leaf_interval.T
    size = before[stop] - before[start]
    above = tree.parent.copy()
    # Parents come after their children; a node all of whose leaves lie below one child is that child.
    for node in range(tree.n_nodes - 2, -1, -1):
        if size[above[node]] == size[node]:
            above[node] = above[above[node]]
    branching = np.full(tree.n_nodes, False)
    children = np.flatnonzero(size[:-1] > 0)
    branching[tree.parent[children[size[children] < size[tree.parent[children]]]]] = True
    nodes = np.r_[leaves, np.flatnonzero(branching)]
    rank = np.full(tree.n_nodes + 1, -1, dtype=np.int64)
    rank[nodes] = np.arange(len(nodes))
    return Tree(rank[above[nodes]], tree.height[nodes])


def _pairs(
    data: str, test_data: str | None, media: Media, seed: int, bar: bool
) -> tuple["PairedSet | None", "PairedSet"]:
    """Pairs to teach probes with, if they are others than those judged, and pairs judged."""
    if test_data is None and data != AVDIGITS:
        return None, read_pairs(data, "test", media, random_state=seed, bar=bar)
    known = read_pairs(data, "train", media, random_state=seed, bar=bar)
    judged = read_pairs(
        data if test_data is None else test_data,
        "test",
        media,
        random_state=seed,
        class_names=known.class_names,
        bar=bar,
    )
    return known, judged


def _check_fit(module: "SelfLabelling", pairs: "PairedSet") -> None:
    channels, wanted = pairs.frames.shape[2], module.hparams["frame_channels"]
    if channels != wanted:
        raise ValueError(f"the system was trained on frames of {wanted} channels; these have {channels}")
    for what, media in (("frame", pairs.frames), ("sound", pairs.sounds)):
        trained = module.hparams.get(f"{what}_shape")  # checkpoints of older versions name none
        if trained is not None and list(trained) != list(media.shape[1:]):
            there, here = (" × ".join(map(str, shape)) for shape in (trained, media.shape[1:]))
            raise ValueError(
                f"the system was trained on {what}s of {there}; these are {here}: give the --media options "
                "of training"
            )


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot export there")


def _n_classes(pairs: "PairedSet") -> int:
    assert pairs.labels is not None
    return len(set(pairs.labels[pairs.labels >= 0].tolist()))


def _class_name(pairs: "PairedSet", label: int) -> str | None:
    if label < 0:
        return None
    return pairs.class_names[label] if pairs.class_names else str(label)


def _print_clusters(console: Any, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in ("view", "clusters", "head"):
        table.add_column(name, justify="right" if name == "clusters" else "left")
    for name in _MEASURES.values():
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["view"], str(row["clusters"]), row["head"], *(f"{row[name]:.3f}" for name in _MEASURES)
        )
    console.print(table)
    console.print(
        "ceiling: of the NMI of so many clusters of equal size; purity: mean over clusters, and weighted by\n"
        "their sizes; head: mean of all, the one of least training loss, the best by the classes (oracle)"
    )


def _print_accuracies(console: Any, title: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    views = list(dict.fromkeys(row["view"] for row in rows))
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    table.add_column("labels", justify="right")
    for view in views:
        table.add_column(view, justify="right")
    for fraction in dict.fromkeys(row["fraction"] for row in rows):
        same = {row["view"]: row for row in rows if row["fraction"] == fraction}
        accuracies = (f"{same[view]['accuracy']:.3f}" for view in views)
        table.add_row(f"{100 * fraction:g} %", f"{same[views[0]]['labels']:,}", *accuracies)
    console.print()
    console.print(table)


def _write_json(path: Path, figures: dict[str, Any]) -> None:
    from hyperclade.data.atomic import atomic_write

    with atomic_write(path, "w") as file:
        json.dump(figures, file, indent=1, allow_nan=False)
        file.write("\n")
