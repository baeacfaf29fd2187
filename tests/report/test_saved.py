"""A discovery kept for new rows: what is read is what was written, and rows go where the model puts them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from hyperclade import SHHC
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
    return load_iris().data[1::2]


def test_new_rows_are_scaled_and_labelled_in_every_partition(saved, new):
    model = saved.model
    found = saved.assign(new, Cuts(3, "2,9"))
    rows = saved.scaling.apply(new)
    expected = model.assign(rows, 3)
    assert list(found.labels) == [
        "cluster", *(f"layer_{labels.max() + 1}" for labels in model.layers_), "cut_3", "level_2", "level_9",
    ]  # fmt: skip
    assert found.labels["cut_3"].tolist() == found.about.labels.tolist() == expected.labels.tolist()
    assert found.labels["cluster"].tolist() == model.predict(rows).tolist()
    assert found.labels["level_9"].tolist() == model.predict(rows, 9).tolist()
    assert found.nearest_ids.tolist() == (expected.nearest + 1000).tolist()


def test_what_is_read_labels_as_what_was_written(saved, new, tmp_path):
    saved.write(tmp_path)
    alone = SavedDiscovery.read(tmp_path)
    assert alone.ids is None and alone.columns == COLUMNS and alone.folder == tmp_path
    pd.DataFrame({"id": saved.ids}).to_parquet(tmp_path / "assignments.parquet")
    again = SavedDiscovery.read(tmp_path)
    assert again.ids.tolist() == saved.ids.tolist()
    expected, found = saved.assign(new), again.assign(new)
    assert found.nearest_ids.tolist() == expected.nearest_ids.tolist()
    assert alone.assign(new).nearest_ids.tolist() == expected.about.nearest.tolist()
    for column, labels in expected.labels.items():
        assert found.labels[column].tolist() == labels.tolist()


def test_columns_are_matched_by_name(saved, new):
    expected = saved.assign(new).labels["cluster"].tolist()
    turned = np.c_[new[:, ::-1], np.zeros(len(new))]
    assert saved.assign(turned, columns=[*COLUMNS[::-1], "more"]).labels["cluster"].tolist() == expected
    with pytest.raises(ValueError, match=r"^flowers: no column 'petal width'"):
        saved.assign(new, columns=[*COLUMNS[:3], "width"], name="flowers")
    with pytest.raises(ValueError, match="has 3 features, but the hierarchy was found in 4"):
        saved.assign(new[:, :3])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_table_of_new_rows(saved, new, tmp_path, suffix):
    found = saved.assign(new, Cuts(3))
    names = np.array([f"flower {row}" for row in range(len(new))], dtype=object)
    found.write(tmp_path / f"new{suffix}", names=names)
    read = (pd.read_parquet if suffix == ".parquet" else pd.read_csv)(tmp_path / f"new{suffix}")
    assert list(read) == [
        "id", "name", *found.labels, "confidence", "outlier", "nearest_row", "nearest_id",
    ]  # fmt: skip
    assert read["id"].tolist() == list(range(len(new))) and read["name"].tolist() == names.tolist()
    assert read["cut_3"].tolist() == found.labels["cut_3"].tolist()
    assert read["outlier"].tolist() == found.about.outlier.tolist()
