"""A discovery that is kept to label rows that come later: its model, how rows were scaled, what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hyperclade.data.columns import in_order
from hyperclade.data.formats.arrow import to_arrow
from hyperclade.data.scaling import Scaling
from hyperclade.report.cuts import Cuts

if TYPE_CHECKING:
    from hyperclade.data.features import FeatureTable
    from hyperclade.hierarchy.shhc import SHHC

MODEL = "model"
_BLOCK = 1 << 16  # rows at a time


@dataclass(frozen=True, eq=False)
class SavedDiscovery:
    """A fitted model and what new rows need before it sees them.

    Parameters
    ----------
    model : SHHC
    scaling : Scaling
        What was done to the rows that it was fitted to.
    columns : d str, optional
        Names of the features.
    ids : (n,) array, optional
        Ids of the known rows.
    folder : path, optional
        Where it was read from, for messages.
    """

    model: SHHC
    scaling: Scaling
    columns: Sequence[str] | None = None
    ids: NDArray | None = None
    folder: Path | None = None

    @classmethod
    def read(cls, folder: str | Path) -> SavedDiscovery:
        """What `write` left in a folder of results, and the ids of the rows from the table beside it.

        Raises
        ------
        ValueError
            If there is no model, or it is incomplete, broken, or of other rows than the table.
        """
        folder = Path(folder)
        model, table = folder / MODEL, folder / "assignments.parquet"
        if not (model / "model.json").exists():
            what = "holds no model" if folder.is_dir() else "is no folder"
            raise ValueError(f"{folder} {what}; hyperclade discover … --out {folder} --save-model makes one")
        try:
            scaling = Scaling.read(model / "scaling.json")
            columns = json.loads((model / "columns.json").read_text(encoding="utf-8"))
            ids = pq.read_table(table, columns=["id"])["id"].to_numpy() if table.exists() else None
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ValueError(f"the model in {folder} is incomplete or broken: {error}") from error
        from hyperclade.hierarchy.shhc import SHHC  # slow to import, so after the errors that come at once

        loaded = SHHC.load(model)
        if ids is not None and len(ids) != loaded.tree_.n_leaves:
            raise ValueError(f"{table} has {len(ids)} rows, but the model beside it {loaded.tree_.n_leaves}")
        return cls(loaded, scaling, columns, ids, folder)

    def write(self, folder: str | Path) -> None:
        """Write the model into a folder of results; the ids are in its `assignments.parquet`."""
        model = Path(folder) / MODEL
        self.model.save(model)
        (model / "scaling.json").write_text(self.scaling.to_json() + "\n", encoding="utf-8")
        columns = json.dumps(self.columns, ensure_ascii=False)
        (model / "columns.json").write_text(columns + "\n", encoding="utf-8")

    def assign(
        self, table: FeatureTable, cuts: Cuts | None = None, *, name: str = "the table of new rows"
    ) -> pa.Table:
        """Label new rows, in blocks, scaled as the known ones were, and say how sure that is.

        Features are matched by name where both have names.

        Parameters
        ----------
        table : FeatureTable
        cuts : Cuts, optional
            Partitions asked for; confidence is about the clusters of its `cut`.
        name : str
            How to call the table in an error.

        Returns
        -------
        pyarrow.Table
            `id`, `name` and `label` as far as known, `cluster`, `layer_…` and those asked for, and what
            `SHHC.assign` says: `confidence`, `outlier`, `nearest_row` and `nearest_id`.

        Raises
        ------
        ValueError
            If features are missing, or of another number.
        """
        from hyperclade.hierarchy.shhc import Assignment

        model, cuts, rows = self.model, cuts or Cuts(), table.features
        try:
            rows = in_order(rows, table.columns, self.columns)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if rows.shape[1] != model.n_features_in_:
            where = "" if self.folder is None else f" in {self.folder}"
            raise ValueError(
                f"{name} has {rows.shape[1]} features, but the hierarchy{where} was found in "
                f"{model.n_features_in_}"
            )
        parts = [
            model.assign(self.scaling.apply(rows[start : start + _BLOCK]), cuts.cut)
            for start in range(0, rows.shape[0], _BLOCK)
        ]
        found = Assignment(
            *(np.concatenate([getattr(part, own.name) for part in parts]) for own in fields(Assignment))
        )
        known = {"cluster": model.labels_}
        known |= {f"layer_{labels.max() + 1}": labels for labels in model.layers_} | cuts.of(model.tree_)
        values: dict[str, Any] = {"id": np.arange(rows.shape[0]) if table.ids is None else table.ids}
        for role, own in (("name", table.names), ("label", table.labels)):
            if own is not None:
                values[role] = to_arrow(own)
        values |= {column: labels[found.leaf] for column, labels in known.items()}
        values |= {"confidence": found.confidence, "outlier": found.outlier, "nearest_row": found.nearest}
        values["nearest_id"] = found.nearest if self.ids is None else self.ids[found.nearest]
        return pa.table(values)
