"""Judging a trained system: its clusters, also merged by the tree, and its features on labelled tasks."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from hyperclade.learning.labelling import kmeans_labels
from hyperclade.learning.module import tensors
from hyperclade.learning.schedule import StepBatches, cosine_rate, seed_step
from hyperclade.metrics.partitions import nmi, partition_report
from hyperclade.selflabel.config import MODALITIES, Modality
from hyperclade.selflabel.module import SelfLabelling, both_features
from hyperclade.selflabel.sources import Seen


def cluster_labels(module: SelfLabelling, features: dict[Modality, Tensor]) -> dict[str, np.ndarray]:
    """Clusters `(H, n) int64` of samples by vision and, of pairs, by audio and by both.

    Features are from `module.extract`. Clusters are the likeliest by the heads. Where labels are those of
    k-means (DeepCluster, XDC), or none are (L3), they are k-means on the features, and so are joint clusters
    where labels are not joint; fewer than K samples are then a cluster each.
    """
    system = module.recipe.system
    n = len(features["vision"])
    n_means = min(system.n_clusters, n)
    found: dict[str, np.ndarray]
    if system.labeller in ("none", "kmeans"):
        found = {m: kmeans_labels(features[m].cpu().numpy(), n_means)[None] for m in features}
    else:
        views = system.views if system.teacher == "joint" else system.modalities
        found = {view: np.empty((system.n_heads, n), dtype=np.int64) for view in views}
        for head in range(system.n_heads):  # scores (n, K) of one head at a time
            scores: dict[str, Tensor] = {
                m: module.net.head_log_posterior(m, features[m], head) for m in system.modalities
            }
            if "joint" in views:
                scores["joint"] = scores["vision"] + scores["audio"]
            for view in views:
                found[view][head] = scores[view].argmax(1).cpu().numpy()
    if "joint" in system.views and "joint" not in found:
        found["joint"] = kmeans_labels(both_features(features), n_means)[None]
    return found


def evaluate_clusters(
    module: SelfLabelling, samples: Seen, *, merge_to: Sequence[int] = ()
) -> list[dict[str, Any]]:
    """Clusters against true classes (sHHC Table 2): one row per view, number of clusters and choice of head.

    Samples without a known label are left out. `merge_to` names numbers of clusters to merge to by the tree
    of each view, besides K. Rows have `view`, `clusters`, `head` ("mean" over heads, "chosen" by the least
    training loss, "oracle": the best by the true classes), `nmi_ceiling` of so many clusters of equal size,
    and the measures of `partition_report`. Raises ValueError for no labels, or a number to merge to beyond K.
    """
    samples = labelled(samples)
    assert samples.labels is not None
    system = module.recipe.system
    wrong = [k for k in merge_to if not 1 <= k <= system.n_clusters]
    if wrong:
        raise ValueError(f"can merge to 1 … {system.n_clusters} clusters, not to {wrong[0]}")
    found = cluster_labels(module, module.extract(samples))
    has_trees = system.label_sets == ("joint",)
    rows = []
    for view in system.views:
        for k in (system.n_clusters, *(k for k in merge_to if has_trees and k != system.n_clusters)):
            merged = found[view]
            if k != system.n_clusters:
                merged = np.stack([module.tree(view, h).cut(k)[labels] for h, labels in enumerate(merged)])
            reports = [partition_report(samples.labels, labels) for labels in merged]
            ceiling = equal_clusters_ceiling(samples.labels, k)
            for head, report in _by_head(reports, module.head_loss.cpu().numpy()):
                rows.append({"view": view, "clusters": k, "head": head, "nmi_ceiling": ceiling, **report})
    return rows


def equal_clusters_ceiling(labels: np.ndarray, n_clusters: int) -> float:
    """Largest NMI that `n_clusters` clusters of one size can have with these classes, filled in order.

    Exact where classes are multiples of clusters in size, or the other way round; else close from below.

    >>> round(equal_clusters_ceiling(np.repeat(np.arange(10), 30), 30), 3)
    0.807
    """
    order = np.argsort(labels, kind="stable")
    filled = np.empty(len(labels), dtype=np.int64)
    filled[order] = np.arange(len(labels)) * n_clusters // len(labels)
    return nmi(labels, filled)


def linear_probe(
    module: SelfLabelling,
    train: Seen,
    test: Seen,
    *,
    fractions: Sequence[float] = (0.01, 0.1),
    random_state: int = 0,
) -> list[dict[str, Any]]:
    """Accuracy of logistic regression on frozen features from few labels (sHHC Table 4), by view and share.

    The module is trained, or fresh for the comparison with a random encoder; `fractions` are those of the
    training samples whose labels are used, drawn evenly by class. Raises ValueError for no labels, a fraction
    outside (0, 1], or labels of one class only.
    """
    train, test = labelled(train), labelled(test)
    assert train.labels is not None and test.labels is not None
    known, unseen = module.extract(train), module.extract(test)
    rows = []
    for fraction in fractions:
        chosen = few_labels(train.labels, fraction, random_state)
        for view in module.recipe.system.views:
            x, x_test = (_view(features, view) for features in (known, unseen))
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
            probe.fit(x[chosen], train.labels[chosen])
            accuracy = float(probe.score(x_test, test.labels))
            rows.append({"view": view, "fraction": fraction, "labels": len(chosen), "accuracy": accuracy})
    return rows


def fine_tune(
    module: SelfLabelling,
    train: Seen,
    test: Seen,
    *,
    fraction: float = 0.1,
    steps: int = 100,
    learning_rate: float = 1e-3,
    random_state: int = 0,
) -> list[dict[str, Any]]:
    """Accuracy after training towers and a linear classifier together on few labels (sHHC Table 4), by view.

    The module itself stays as it is. Arguments as in `linear_probe`; `steps` batches at a rate that rises
    and falls.
    """
    import copy

    train, test = labelled(train), labelled(test)
    assert train.labels is not None and test.labels is not None
    chosen = few_labels(train.labels, fraction, random_state)
    few = train.subset(chosen)
    assert few.labels is not None
    classes, targets = np.unique(few.labels, return_inverse=True)
    rows = []
    for view in module.recipe.system.views:
        # The media are shared, and the trainer's state is left out.
        tuned = copy.deepcopy(module, {id(module.samples): module.samples, id(module._trainer): None})
        seed_step(random_state, 0)
        widths = [tuned.net.width(m) for m in _modalities(view)]
        classifier = nn.Linear(sum(widths), len(classes)).to(tuned.device)
        towers = [p for m in _modalities(view) for p in tuned.net.towers[m].parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW([*towers, *classifier.parameters()], lr=learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda s: cosine_rate(s, steps, steps // 20 + 1)
        )
        tuned.net.train()
        batches = StepBatches(len(few), module.recipe.training.batch_size, steps, seed=random_state)
        for step, batch_rows in enumerate(batches):
            seed_step(random_state, step)
            inputs = tuned.augmented(tensors(few.batch(batch_rows)))
            outputs = classifier(
                torch.cat([tuned.net.features(m, inputs[m]) for m in _modalities(view)], dim=1)
            )
            target = torch.from_numpy(targets[batch_rows]).to(tuned.device)
            loss = nn.functional.cross_entropy(outputs, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            found = tuned.extract(test)
            answer = (
                classifier(torch.cat([found[m] for m in _modalities(view)], dim=1)).argmax(1).cpu().numpy()
            )
        accuracy = float(np.mean(classes[answer] == test.labels))
        rows.append({"view": view, "fraction": fraction, "labels": len(chosen), "accuracy": accuracy})
    return rows


def few_labels(labels: np.ndarray, fraction: float, random_state: int = 0) -> np.ndarray:
    """Rows `(m,) int64` of a share of every class, at least one row each.

    >>> len(few_labels(np.repeat([0, 1], 50), 0.1))
    10
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be in (0, 1], got {fraction}")
    rng = np.random.default_rng(random_state)
    parts = []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        parts.append(rng.permutation(rows)[: max(1, round(fraction * len(rows)))])
    return np.sort(np.concatenate(parts))


def labelled(samples: Seen) -> Seen:
    """The samples whose class is known. Raises ValueError where none is."""
    if samples.labels is None or not (samples.labels >= 0).any():
        raise ValueError(f"evaluation needs labels, and these {samples.word} have none")
    known = samples.labels >= 0
    return samples if known.all() else samples.subset(np.flatnonzero(known))


def _modalities(view: str) -> tuple[Modality, ...]:
    return MODALITIES if view == "joint" else tuple(m for m in MODALITIES if m == view)


def _view(features: dict[Modality, Tensor], view: str) -> np.ndarray:
    return torch.cat([features[m] for m in _modalities(view)], dim=1).cpu().numpy()


def _by_head(
    reports: list[dict[str, float | int]], head_loss: np.ndarray
) -> Iterator[tuple[str, dict[str, float | int]]]:
    if len(reports) == 1:
        yield "only", reports[0]
        return
    mean = {name: float(np.mean([report[name] for report in reports])) for name in reports[0]}
    yield "mean", mean
    yield "chosen", reports[int(np.argmin(head_loss))]
    yield "oracle", max(reports, key=lambda report: report["nmi"])
