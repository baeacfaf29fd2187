"""Evaluation against scikit-learn, tree cuts and the ceiling that can be worked out by hand."""

import numpy as np
import pytest
import torch
from planted import CLASSES, planted_pairs, recipe
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from hyperclade.data.paired import PairedSet
from hyperclade.selflabel import train
from hyperclade.selflabel.config import MODALITIES, VIEWS
from hyperclade.selflabel.evaluation import (
    cluster_labels,
    equal_clusters_ceiling,
    evaluate_clusters,
    few_labels,
    fine_tune,
    linear_probe,
)
from hyperclade.selflabel.module import SelfLabelling

K = 6
TEST = planted_pairs(160, seed=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    epochs = {
        "l3": 6.0,
        "deepcluster": 16.0,
        "selavi": 6.0,
        "shhc": 6.0,
    }  # its heads start anew at each labelling
    return {
        name: train(recipe(name, epochs=n), planted_pairs(), folder / name, device="cpu")
        for name, n in epochs.items()
    }


def test_the_ceiling_of_equal_clusters():
    classes = np.repeat(np.arange(10), 60)
    # 30 clusters, 3 per class: mutual information log 10, entropies log 10 and log 30.
    expected = 2 * np.log(10) / (np.log(10) + np.log(30))
    assert equal_clusters_ceiling(classes, 30) == pytest.approx(expected) == pytest.approx(0.807, abs=5e-4)
    assert equal_clusters_ceiling(classes, 10) == pytest.approx(1.0)
    assert equal_clusters_ceiling(classes, 5) == pytest.approx(2 * np.log(5) / (np.log(10) + np.log(5)))
    assert equal_clusters_ceiling(classes, 1) == pytest.approx(0.0)
    shuffled = np.random.default_rng(0).permutation(classes)
    assert equal_clusters_ceiling(shuffled, 30) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["selavi", "shhc"])
def test_clusters_are_the_likeliest_of_each_modality_and_of_both(name, trained):
    module = trained[name]
    features = module.extract(TEST)
    found = cluster_labels(module, features)
    module.eval()
    with torch.no_grad():
        for head in range(2):
            total = 0
            for m in MODALITIES:
                lessons = [lesson for student, lesson in module.recipe.system.lessons if student == m]
                scores = sum(module.net.log_posterior(m, x, features[m])[head] for x in lessons) / len(
                    lessons
                )
                total = total + scores
                np.testing.assert_array_equal(found[m][head], scores.argmax(1))
            np.testing.assert_array_equal(found["joint"][head], total.argmax(1))


@pytest.mark.parametrize("name", ["selavi", "shhc"])
def test_figures_are_scikit_learns_and_merging_cuts_the_tree(name, trained):
    module = trained[name]
    rows = evaluate_clusters(module, TEST, merge_to=(4, 2, K))
    assert [(row["view"], row["clusters"], row["head"]) for row in rows] == [
        (view, k, head) for view in VIEWS for k in (K, 4, 2) for head in ("mean", "chosen", "oracle")
    ]
    found = cluster_labels(module, module.extract(TEST))
    chosen = int(module.head_loss.argmin())
    for view in VIEWS:
        for k in (K, 4, 2):
            here = {row["head"]: row for row in rows if row["view"] == view and row["clusters"] == k}
            labels = [module.tree(view, h).cut(k)[found[view][h]] for h in range(2)] if k < K else found[view]
            for measure, reference in (("nmi", normalized_mutual_info_score), ("ari", adjusted_rand_score)):
                values = [reference(TEST.labels, one) for one in labels]
                assert here["mean"][measure] == pytest.approx(np.mean(values))
                assert here["chosen"][measure] == pytest.approx(values[chosen])
                if measure == "nmi":
                    assert here["oracle"]["nmi"] == pytest.approx(max(values))
            assert here["mean"]["nmi_ceiling"] == pytest.approx(equal_clusters_ceiling(TEST.labels, k))
            assert here["oracle"]["n_clusters"] <= k
    assert max(row["nmi"] for row in rows) > 0.7


@pytest.mark.parametrize("name", ["l3", "deepcluster"])
def test_systems_without_joint_labels_are_not_merged(name, trained):
    rows = evaluate_clusters(trained[name], TEST, merge_to=(4,))
    assert [(row["view"], row["clusters"], row["head"]) for row in rows] == [(v, K, "only") for v in VIEWS]
    assert all(row["nmi"] > 0.4 for row in rows)


@pytest.mark.parametrize("name", ["l3", "deepcluster"])
@pytest.mark.parametrize("n", [1, 4])
def test_fewer_pairs_than_clusters_are_a_cluster_each(name, n, trained):
    few = TEST.subset(np.arange(n))
    found = cluster_labels(trained[name], trained[name].extract(few))
    assert set(found) == set(VIEWS)
    assert all(sorted(labels[0].tolist()) == list(range(n)) for labels in found.values())


def test_unknown_labels_are_left_out(trained):
    labels = TEST.labels.copy()
    labels[::3] = -1
    some = PairedSet(TEST.frames, TEST.sounds, TEST.frame_rows, TEST.sound_rows, labels)
    known = TEST.subset(np.flatnonzero(labels >= 0))
    assert evaluate_clusters(trained["shhc"], some) == evaluate_clusters(trained["shhc"], known)
    assert evaluate_clusters(trained["shhc"], some)[0]["n_samples"] == len(known)


@pytest.mark.parametrize("labels", [None, np.full(160, -1)])
def test_no_labels(labels, trained):
    nobody = PairedSet(TEST.frames, TEST.sounds, TEST.frame_rows, TEST.sound_rows, labels)
    with pytest.raises(ValueError, match="needs labels"):
        evaluate_clusters(trained["selavi"], nobody)
    with pytest.raises(ValueError, match="needs labels"):
        linear_probe(trained["selavi"], TEST, nobody)


@pytest.mark.parametrize("k", [0, 7])
def test_numbers_of_clusters_that_cannot_be(k, trained):
    with pytest.raises(ValueError, match=f"merge to 1 … 6 clusters, not to {k}"):
        evaluate_clusters(trained["selavi"], TEST, merge_to=(k,))


def test_the_probe_is_logistic_regression_on_frozen_features(trained):
    module, train_pairs = trained["selavi"], planted_pairs()
    rows = linear_probe(module, train_pairs, TEST, fractions=(0.1,))
    assert [row["view"] for row in rows] == list(VIEWS)
    chosen = few_labels(train_pairs.labels, 0.1)
    known, unseen = module.extract(train_pairs)["audio"].numpy(), module.extract(TEST)["audio"].numpy()
    scaler = StandardScaler().fit(known[chosen])
    probe = LogisticRegression(C=0.1, max_iter=1000).fit(
        scaler.transform(known[chosen]), train_pairs.labels[chosen]
    )
    assert rows[1]["accuracy"] == pytest.approx(probe.score(scaler.transform(unseen), TEST.labels))
    assert rows[1]["labels"] == len(chosen) == 20
    assert all(row["accuracy"] > 0.6 for row in rows)  # chance is .25


def test_fine_tuning_leaves_the_module_as_it_is(trained, monkeypatch):
    def refuse(self, memo):
        raise AssertionError("media must not be copied")

    monkeypatch.setattr(PairedSet, "__deepcopy__", refuse, raising=False)
    module = trained["shhc"]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    rows = fine_tune(module, planted_pairs(), TEST, fraction=0.2, steps=20, learning_rate=1e-2)
    assert [row["view"] for row in rows] == list(VIEWS)
    assert all(row["accuracy"] > 0.6 and row["labels"] == 40 for row in rows)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert fine_tune(module, planted_pairs(), TEST, fraction=0.2, steps=20, learning_rate=1e-2) == rows


def test_fine_tuning_of_a_fresh_module():
    rows = fine_tune(SelfLabelling(recipe(), planted_pairs()), planted_pairs(), TEST, fraction=0.5, steps=2)
    assert {row["view"] for row in rows} == set(VIEWS)


@pytest.mark.parametrize("fraction", [0.02, 0.1, 1.0])
def test_few_labels_are_drawn_evenly(fraction):
    labels = np.repeat(np.arange(CLASSES), [50, 100, 10, 1])
    chosen = few_labels(labels, fraction)
    expected = [max(1, round(fraction * size)) for size in (50, 100, 10, 1)]
    assert np.bincount(labels[chosen]).tolist() == expected and len(set(chosen)) == len(chosen)
    assert few_labels(labels, 0.1, 1).tolist() != few_labels(labels, 0.1, 2).tolist()


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_bad_fractions(fraction):
    with pytest.raises(ValueError, match="fraction"):
        few_labels(np.zeros(5, int), fraction)
