"""A discovery kept for new rows: what is read is what was written, and rows go where the model puts them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from hyperclade import SHHC
from hyperclade.data.features import FeatureTable
from hyperclade.data.scaling import scaling_of
from hyperclade.report import Cuts, SavedDiscovery

COLUMNS = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture(scope="module")
def saved():
    known = load_iris().data[::2]
    scaling = scaling_of(known, "standard")
    model = SHHC(random_state=0).fit(scaling.apply(known))
    return SavedDiscovery(model, scaling, COLUMNS, np.arange(1000, 1075))


@pytest.fixture(scope="module")
def new():
    return FeatureTable(load_iris().data[1::2])


def test_new_rows_are_scaled_and_labelled_in_every_partition(saved, new):
    model = saved.model
    found = saved.assign(new, Cuts(3, "2,9"))
    layers = [f"layer_{labels.max() + 1}" for labels in model.layers_]
    assert found.column_names == [
        "id", "cluster", *layers, "cut_3", "level_2", "level_9",
        "confidence", "outlier", "nearest_row", "nearest_id",
    ]  # fmt: skip
    rows = saved.scaling.apply(new.features)
    expected = model.assign(rows, 3)
    assert found["cut_3"].to_pylist() == expected.labels.tolist()
    assert found["cluster"].to_pylist() == model.predict(rows).tolist()
    assert found["level_9"].to_pylist() == model.predict(rows, 9).tolist()
    assert found["confidence"].to_pylist() == expected.confidence.tolist()
    assert found["outlier"].to_pylist() == expected.outlier.tolist()
    assert found["nearest_id"].to_pylist() == (expected.nearest + 1000).tolist()


def test_what_is_known_of_new_rows_goes_along(saved, new):
    names = np.array([f"flower {row}" for row in range(75)], dtype=object)
    labels = np.array([None, "rose", "lily"] * 25, dtype=object)
    found = saved.assign(FeatureTable(new.features, np.arange(75, 0, -1), labels, names))
    assert found.column_names[:4] == ["id", "name", "label", "cluster"]
    assert found["id"].to_pylist() == list(range(75, 0, -1))
    assert found["name"].to_pylist() == names.tolist() and found["label"].to_pylist() == labels.tolist()


def test_what_is_read_labels_as_what_was_written(saved, new, tmp_path):
    saved.write(tmp_path)
    alone = SavedDiscovery.read(tmp_path)
    assert alone.ids is None and alone.columns == COLUMNS and alone.folder == tmp_path
    pd.DataFrame({"id": saved.ids}).to_parquet(tmp_path / "assignments.parquet")
    again = SavedDiscovery.read(tmp_path)
    assert again.ids.tolist() == saved.ids.tolist()
    assert again.assign(new).equals(saved.assign(new))
    assert alone.assign(new)["nearest_id"].to_pylist() == saved.assign(new)["nearest_row"].to_pylist()


def test_columns_are_matched_by_name(saved, new):
    turned = FeatureTable(np.c_[new.features[:, ::-1], np.zeros(75)])
    assert saved.assign(replace(turned, columns=[*COLUMNS[::-1], "more"])).equals(saved.assign(new))
    with pytest.raises(ValueError, match=r"^flowers: no column 'petal width'"):
        saved.assign(replace(new, columns=[*COLUMNS[:3], "width"]), name="flowers")
    with pytest.raises(ValueError, match="has 3 features, but the hierarchy was found in 4"):
        saved.assign(FeatureTable(new.features[:, :3]))
