"""An index over images, texts or features in a folder: vectors in lists, items, and a hierarchy over them.

    settings.json          what it is of: source, model, metric
    index.json             which of the folders below count; written last, so that a kill changes nothing
    segment-N/             vectors.npy, lengths.npy, centres.npy, offsets.npy, items.arrow, leaf.npy
    tree-N/                parent.npy, interval.npy, order.npy, codes.npy, classes.json
    gone-N.npy             positions of items that the source has no longer

All is memory-mapped. The position of an item counts rows through the segments, in their order.
"""

import json
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from hyperclade.data.atomic import atomic_directory, atomic_write
from hyperclade.data.embedding import embed_to_file
from hyperclade.data.features import read_features
from hyperclade.data.images import image_folder
from hyperclade.data.opening import existing, what_is
from hyperclade.data.store import claim, fingerprint, read_json, write_json
from hyperclade.environment import FloatArray, IntArray
from hyperclade.progress import Progress
from hyperclade.retrieval.distances import Metric, MetricName
from hyperclade.retrieval.lists import Lists, make_lists
from hyperclade.retrieval.models import identity_of, model_of
from hyperclade.trees.tree import Tree

SETTINGS, STATE = "settings.json", "index.json"
_EMBEDDED = "new.npy"
_MOST_SEGMENTS = 8
_GIVE = "a folder of images, a Parquet file of images, a text file, or a feature file"
Kind = Literal["image", "text", "features"]


@dataclass(frozen=True)
class Update:
    """What `Index.build` has changed.

    Attributes
    ----------
    new, changed, gone : int
        Items added, embedded anew, and left out as the source has them no longer.
    skipped : (id, reason)
        Inputs that could not be read, those of earlier calls included.
    remarks : tuple of str
        What was assumed of a table or left out of it, a sentence each.
    """

    new: int
    changed: int
    gone: int
    skipped: list[tuple[str, str]]
    remarks: tuple[str, ...] = ()


class Index:
    """An index that can be asked for the nearest items of a vector, and for their way down the hierarchy.

    Parameters
    ----------
    folder : path
        As `Index.build` has made it.

    Attributes
    ----------
    settings : dict
        What it is of.
    metric : Metric
    segments : list of Segment
    gone : (n,) bool
        Which positions are no longer there.

    Raises
    ------
    ValueError
        No index, one that is not finished, or damaged; names the file.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        if not (self.folder / STATE).is_file():
            if (self.folder / SETTINGS).is_file():
                raise ValueError(f"the index in {folder} is not finished: run `hyperclade index` again alike")
            raise ValueError(f"{folder} holds no index: `hyperclade index SOURCE --out {folder}` makes one")
        self.settings = read_json(self.folder / SETTINGS)
        self.state = read_json(self.folder / STATE)
        try:
            self.metric = Metric(**self.settings["metric"])
            self.kind: Kind = self.settings["kind"]
            own = [
                Segment.open(self.folder / part["name"], part, self.metric) for part in self.state["segments"]
            ]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.folder / STATE} is damaged ({error!r})") from error
        self.segments = own
        self.starts = np.cumsum([0, *map(len, own)])
        self.gone = np.zeros(self.starts[-1], dtype=bool)
        if self.state["gone"] is not None:
            self.gone[_mapped(self.folder / self.state["gone"])] = True

    @classmethod
    def build(
        cls,
        source: str | os.PathLike,
        folder: str | os.PathLike,
        model: str | None = None,
        *,
        metric: MetricName | None = None,
        curvature: float = 0.1,
        tree: bool = True,
        rebuild: bool = False,
        batch_size: int = 64,
        device: str = "auto",
        random_state: int = 0,
        progress: Progress | None = None,
    ) -> "tuple[Index, Update]":
        """Make an index, go on with one that a kill has left unfinished, or bring one up to date.

        Of a folder of images only files that are new or have changed are embedded; where another source has
        changed, it is indexed anew.

        Parameters
        ----------
        source : path
            A folder of images, a Parquet file of images, a file with a text a line, or a feature file.
        folder : path
            Of the index.
        model : str, optional
            A trained retrieval run, or an encoder by name; by default efficientnet-lite0 for images and
            all-minilm-l6-v2 for texts. Features have none.
        metric : str, optional
            How features are compared, by default "cosine"; models know that themselves.
        curvature : float
            c of hyperbolic features, which are vectors before the exponential map.
        tree : bool
            Also find a hierarchy over the items.
        rebuild : bool
            Make lists and hierarchy anew, over all items.

        Raises
        ------
        ValueError
            No such source or model, a folder that holds something else or an index of another source or
            model, none of the inputs can be read.
        """
        source, folder = existing(source, _GIVE), Path(folder)
        inner = what_is(source, give=_GIVE, otherwise="texts")
        if inner not in _KINDS:
            raise ValueError(f"{source} cannot be indexed: give {_GIVE}")
        kind = _KINDS[inner]
        if kind == "features" and model is not None:
            raise ValueError("a feature file has its vectors: leave --model away, or give the images")
        if kind != "features" and metric is not None:
            raise ValueError("--metric is for feature files: a model says how its vectors are compared")
        encoder, compared = None, Metric(metric or "cosine", curvature)
        if kind != "features":
            model = model or ("efficientnet-lite0" if kind == "image" else "all-minilm-l6-v2")
            encoder, compared = model_of(model, device, kind)
        wanted = {
            "format": 1, "source": str(source.resolve()), "kind": kind, "tree": tree,
            "model": None if model is None else identity_of(model),
            "metric": {"name": compared.name, "c": compared.c},
        }  # fmt: skip
        claim(folder, SETTINGS, wanted, what="index", advice="choose another --out, or remove that folder")
        before = cls(folder) if (folder / STATE).exists() else None
        files = _files(source) if inner == "folder" else None
        about = None if files is not None else fingerprint([(source.name, source)])
        due = _Due.of(files, before)
        same_file = before is not None and before.state["source"] == about
        if before is not None and not rebuild and (same_file if files is None else not due.any):
            return before, Update(0, 0, 0, _skipped(before.state))
        work, rows = _Work(folder, source, before, random_state, progress), None
        remarks: tuple[str, ...] = ()
        if due.only is None or due.only:
            rows, left_out, remarks = work.embedded(encoder, kind, due.only, batch_size)
            due.skipped.update(
                {name: [None if files is None else list(files[name]), why] for name, why in left_out}
            )
        if rows is not None and files is not None:
            rows = rows.with_files(files)
        state = work.state(rows, due.gone, tree=tree, rebuild=rebuild or files is None, metric=compared)
        state |= {"source": about, "skipped": due.skipped}
        write_json(folder / STATE, state)
        work.tidy(state)
        added = [] if rows is None else rows.ids
        changed = len(due.changed.intersection(added))
        update = Update(len(added) - changed, changed, len(due.gone) - changed, _skipped(state), remarks)
        return cls(folder), update

    def __len__(self) -> int:
        """Number of items that are there."""
        return int((~self.gone).sum())

    def query(
        self, vector: np.ndarray, k: int = 10, *, but: int | None = None
    ) -> tuple[IntArray, FloatArray]:
        """Positions of the k nearest items of a vector `(d,)`, nearest first, and their distances.

        Fewer where there are not as many. An item at the position `but` is left out. Raises ValueError for a
        vector of another length, or one that is not finite, or k below 1.
        """
        vector = np.asarray(vector, dtype=np.float64)
        width = self.segments[0].lists.vectors.shape[1]
        if vector.shape != (width,) or not np.isfinite(vector).all():
            raise ValueError(f"a query is {width} finite numbers, got {vector.shape}")
        if k < 1:
            raise ValueError(f"number must be at least 1, got {k}")
        skip = self.gone
        if but is not None:
            skip = skip.copy()
            skip[but] = True
        found, distance = [], []
        for start, segment in zip(self.starts, self.segments, strict=False):
            own = skip[start : start + len(segment)]
            rows, apart = segment.lists.search(vector, k, own if own.any() else None)
            found.append(rows + start)
            distance.append(apart)
        positions, distances = np.concatenate(found), np.concatenate(distance)
        order = np.lexsort((positions, distances))[:k]
        return positions[order], distances[order]

    def item(self, position: int) -> dict[str, Any]:
        """Id, label and name of an item."""
        segment, row = self._at(position)
        return {name: segment.items[name][row].as_py() for name in ("id", "label", "name")}

    def vector(self, position: int) -> np.ndarray:
        segment, row = self._at(position)
        return np.asarray(segment.lists.vectors[row])

    def position(self, id: str) -> int:
        """Where the item of an id is; ValueError, with ids that are like it, where there is none."""
        import difflib

        import pyarrow.compute

        for start, segment in zip(self.starts, self.segments, strict=False):
            found = pyarrow.compute.equal(segment.items["id"], pa.scalar(id)).to_numpy(zero_copy_only=False)
            for row in np.flatnonzero(found):
                if not self.gone[start + row]:
                    return int(start + row)
        every = [name for segment in self.segments for name in segment.items["id"].to_pylist()]
        near = difflib.get_close_matches(id, every, 3, 0.6)
        hint = f"; there are {', '.join(near)}" if near else ""
        raise ValueError(f"no item {id!r} in the index{hint}")

    def files(self) -> dict[str, tuple[int, int, int]]:
        """Position, size and time of change of the file of each item that is there, by id."""
        found = {}
        for start, segment in zip(self.starts, self.segments, strict=False):
            columns = (segment.items[name].to_pylist() for name in ("id", "bytes", "changed"))
            for row, (name, size, changed) in enumerate(zip(*columns, strict=True)):
                if not self.gone[start + row]:
                    found[name] = (int(start + row), size, changed)
        return found

    def path(self, position: int) -> list[dict[str, Any]]:
        """Ways down the hierarchy to an item: its clusters from all items to the few around it.

        Each has its "node" of the tree, the number of "items" under it and, where they are known, the most
        frequent "labels" with their shares; else the names of "typical" items. Nodes with little more items
        than the one below them are left out. An item that was added later stands where its nearest does. None
        without a hierarchy.
        """
        if self.tree is None:
            return []
        segment, row = self._at(position)
        leaf = int(segment.leaf[row])
        return [self.tree.about(node, self) for node in self.tree.ways(leaf)]

    @cached_property
    def tree(self) -> "StoredTree | None":
        name = self.state["tree"]
        return None if name is None else StoredTree.open(self.folder / name)

    def _at(self, position: int) -> "tuple[Segment, int]":
        own = int(np.searchsorted(self.starts, position, side="right")) - 1
        return self.segments[own], int(position - self.starts[own])


@dataclass(frozen=True, eq=False)
class Segment:
    """Items whose vectors were added together.

    Attributes
    ----------
    lists : Lists
    items : pyarrow.Table
        Columns id, label, name, and bytes and changed of their files.
    leaf : (n,) int64
        Of the tree: its own, or that of the nearest item when it was added.
    """

    lists: Lists
    items: pa.Table
    leaf: np.ndarray

    def __len__(self) -> int:
        return len(self.lists)

    @classmethod
    def open(cls, folder: Path, about: dict[str, Any], metric: Metric) -> "Segment":
        """From its folder; ValueError where a file is missing, damaged, or of another length."""
        arrays = {name: _mapped(folder / f"{name}.npy") for name in (*_ARRAYS, "leaf")}
        try:
            items = pa.ipc.open_file(pa.memory_map(str(folder / "items.arrow"))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise ValueError(f"{folder / 'items.arrow'} is damaged or missing ({error})") from error
        n = about["rows"]
        if {len(arrays["vectors"]), len(arrays["lengths"]), len(arrays["leaf"]), len(items)} != {n}:
            raise ValueError(f"{folder} is damaged: its files are not of {n} items")
        leaf = arrays.pop("leaf")
        return cls(Lists(**arrays, probes=about["probes"], metric=metric), items, leaf)


@dataclass(frozen=True, eq=False)
class StoredTree:
    """A tree over the first items of an index, in arrays that are memory-mapped.

    Attributes
    ----------
    parent : (m,) int64
    interval : (m, 2) int64
        Leaves under a node, in `order`.
    order : (n,) int64
    codes : (n,) int32
        Labels of the leaves, in `order`, −1 where there is none.
    classes : list of str
    """

    parent: np.ndarray
    interval: np.ndarray
    order: np.ndarray
    codes: np.ndarray
    classes: list[str]

    @classmethod
    def open(cls, folder: Path) -> "StoredTree":
        arrays = {name: _mapped(folder / f"{name}.npy") for name in ("parent", "interval", "order", "codes")}
        return cls(**arrays, classes=json.loads((folder / "classes.json").read_text(encoding="utf-8")))

    def ways(self, leaf: int) -> list[int]:
        """Nodes from the root to the last that has more than the leaf: each at most half of the one above."""
        nodes, node = [leaf], int(self.parent[leaf])
        while node >= 0:
            nodes.append(node)
            node = int(self.parent[node])
        sizes = np.diff(np.asarray(self.interval[np.array(nodes)]), axis=1).ravel()
        kept, least = [], 2
        for node, size in zip(nodes, sizes.tolist(), strict=True):
            if size >= least:
                kept.append(node)
                least = 2 * size
        if len(nodes) > 1 and nodes[-1] not in kept:
            kept.append(nodes[-1])
        return kept[::-1]

    def about(self, node: int, index: Index) -> dict[str, Any]:
        start, stop = self.interval[node].tolist()
        found: dict[str, Any] = {"node": node, "items": stop - start}
        codes = np.asarray(self.codes[start:stop])
        counts = np.bincount(codes[codes >= 0], minlength=len(self.classes))
        if counts.any():
            order = np.argsort(-counts, kind="stable")[:3]
            shares = counts[order] / counts.sum()
            found["labels"] = {
                self.classes[code]: round(float(share), 3)
                for rank, (code, share) in enumerate(zip(order.tolist(), shares, strict=True))
                if share >= 0.05 or rank == 0
            }
            return found
        some = np.asarray(self.order[np.unique(np.linspace(start, stop - 1, 64).astype(np.int64))])
        vectors = np.stack([index.vector(int(leaf)) for leaf in some]).astype(np.float64)
        nearest = np.argsort(np.square(vectors - vectors.mean(axis=0)).sum(axis=1), kind="stable")[:3]
        found["typical"] = [index.item(int(some[row]))["name"] for row in nearest]
        return found


@dataclass(frozen=True)
class _Due:
    """What has to be done for an index to be up to date.

    Attributes
    ----------
    only : set of str or None
        Ids of the files to embed; None for everything.
    changed : set of str
        Those among them that the index has as they were before.
    gone : list of int
        Positions of items that are no longer there, or not as they were.
    skipped : dict
        Files that could not be read, by id: what they were like then, and why.
    """

    only: set[str] | None
    changed: set[str]
    gone: list[int]
    skipped: dict[str, Any]

    @classmethod
    def of(cls, files: dict[str, tuple[int, int]] | None, before: Index | None) -> "_Due":
        """By the files of a folder, which are None of other sources, and the index as it is."""
        if files is None:
            return cls(None, set(), [], {})
        known = {} if before is None else before.files()
        failed = {} if before is None else before.state["skipped"]
        skipped = {name: why for name, why in failed.items() if files.get(name) == tuple(why[0])}
        changed = {name for name, own in files.items() if name in known and known[name][1:] != own}
        gone = [place for name, (place, *_) in known.items() if name not in files or name in changed]
        return cls((files.keys() - known.keys() - skipped.keys()) | changed, changed, gone, skipped)

    @property
    def any(self) -> bool:
        return self.only is None or bool(self.only or self.gone)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Vectors of items to add, and what is known of each."""

    vectors: np.ndarray
    ids: list[str]
    labels: list[str | None]
    names: list[str]
    bytes: list[int | None]
    changed: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)

    def with_files(self, files: dict[str, tuple[int, int]]) -> "_Rows":
        own = [files[name] for name in self.ids]
        sizes: list[int | None] = [size for size, _ in own]
        return _Rows(self.vectors, self.ids, self.labels, self.names, sizes, [time for _, time in own])

    def table(self, order: IntArray) -> pa.Table:
        columns = {
            "id": pa.array(self.ids, pa.string()), "label": pa.array(self.labels, pa.string()),
            "name": pa.array(self.names, pa.string()), "bytes": pa.array(self.bytes, pa.int64()),
            "changed": pa.array(self.changed, pa.int64()),
        }  # fmt: skip
        return pa.table(columns).take(pa.array(order)).combine_chunks()


@dataclass(frozen=True, eq=False)
class _Work:
    """One call of `Index.build`."""

    folder: Path
    source: Path
    before: Index | None
    random_state: int
    progress: Progress | None

    def embedded(
        self, encoder: Any, kind: Kind, only: set[str] | None, batch_size: int
    ) -> tuple[_Rows | None, list[tuple[str, str]], tuple[str, ...]]:
        """Rows of the inputs, of some alone if they are named, what could not be read, and remarks."""
        skipped: list[tuple[str, str]] = []
        path = self.source
        if kind != "features":
            path = self.folder / _EMBEDDED
            try:
                summary = embed_to_file(
                    self.source, path, encoder, batch_size=batch_size, overwrite=True, only=only,
                    progress=self.progress,
                )  # fmt: skip
            except ValueError as error:
                if only is None or self.before is None or not str(error).startswith("none of"):
                    raise
                return None, [(name, "could not be read") for name in sorted(only)], ()
            skipped = summary.skipped
        table = read_features(path)
        vectors, ids = table.dense()
        n = len(vectors)
        labels: list[str | None] = [None] * n
        if table.labels is not None:
            labels = [None if pd.isna(label) else str(label) for label in table.labels]
        names = list(ids) if table.names is None else [str(name) for name in table.names]
        vectors = np.array(vectors)  # what is mapped will go
        rows = _Rows(vectors, list(ids), labels, names, [None] * n, [None] * n)
        return rows, skipped, table.remarks

    def state(
        self, rows: _Rows | None, gone: list[int], *, tree: bool, rebuild: bool, metric: Metric
    ) -> dict[str, Any]:
        """Write what is new, and give the state of the index with it."""
        number = 1 if self.before is None else self.before.state["number"] + 1
        before = self.before
        if before is not None and not rebuild and len(before.segments) < _MOST_SEGMENTS:
            state = dict(before.state)
            segments = list(state["segments"])
            if rows is not None:
                segments.append(self._segment(number, rows, metric, under=before))
            all_gone = np.union1d(np.flatnonzero(before.gone), gone).astype(np.int64)
            name = f"gone-{number}.npy"
            with atomic_write(self.folder / name) as file:
                np.save(file, all_gone, allow_pickle=False)
            return state | {"number": number, "segments": segments, "gone": name}
        if before is not None and (rows is None or self.source.is_dir()):
            rows = _joined(before, rows, set(gone))
        assert rows is not None
        own = self._segment(number, rows, metric)
        stored = self._tree(number, own, metric) if tree and len(rows) > 1 else None
        return {"number": number, "segments": [own], "gone": None, "tree": stored}

    def _segment(
        self, number: int, rows: _Rows, metric: Metric, *, under: Index | None = None
    ) -> dict[str, Any]:
        """Write a segment; gives what the state says of it."""
        name = f"segment-{number}"
        lists, order = make_lists(rows.vectors, metric, random_state=self.random_state)
        leaf = np.arange(len(rows))
        if under is not None and under.tree is not None:
            near = [int(under.query(vector, 1)[0][0]) for vector in lists.vectors]
            leaf = np.array([segment.leaf[row] for segment, row in map(under._at, near)], dtype=np.int64)
        with atomic_directory(self.folder / name, overwrite=True) as part:
            for array in _ARRAYS:
                np.save(part / f"{array}.npy", getattr(lists, array), allow_pickle=False)
            np.save(part / "leaf.npy", leaf, allow_pickle=False)
            with pa.ipc.new_file(str(part / "items.arrow"), (table := rows.table(order)).schema) as file:
                file.write_table(table)
        return {"name": name, "rows": len(rows), "probes": lists.probes}

    def _tree(self, number: int, segment: dict[str, Any], metric: Metric) -> str:
        """Find the hierarchy over a segment and write it."""
        from hyperclade.hierarchy.shhc import SHHC

        own = Segment.open(self.folder / segment["name"], segment, metric)
        kind: Literal["cosine", "euclidean"] = "cosine" if metric.name == "cosine" else "euclidean"
        model = SHHC(metric=kind, random_state=self.random_state, progress=self.progress)
        tree: Tree = model.fit(own.lists.vectors).tree_
        codes, classes = pd.factorize(own.items["label"].to_pandas())
        name = f"tree-{number}"
        with atomic_directory(self.folder / name, overwrite=True) as part:
            arrays = {"parent": tree.parent, "interval": tree.leaf_interval, "order": tree.leaf_order}
            arrays["codes"] = codes[tree.leaf_order].astype(np.int32)
            for array, values in arrays.items():
                np.save(part / f"{array}.npy", values, allow_pickle=False)
            (part / "classes.json").write_text(json.dumps(list(map(str, classes))), encoding="utf-8")
        return name

    def tidy(self, state: dict[str, Any]) -> None:
        """Remove what the state does not name."""
        kept = {SETTINGS, STATE, state["gone"], state["tree"], *(part["name"] for part in state["segments"])}
        for entry in self.folder.iterdir():
            if entry.name not in kept:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


_KINDS: dict[str, Kind] = {"folder": "image", "image table": "image", "texts": "text", "features": "features"}
_ARRAYS = ("vectors", "lengths", "centres", "offsets")


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of the images of a folder, by id."""
    found = {}
    for item in image_folder(folder):
        path = cast(Path, item.source)
        status = path.stat() if path.exists() else path.lstat()
        found[item.id] = (status.st_size, status.st_mtime_ns)
    return found


def _joined(index: Index, rows: _Rows | None, gone: set[int]) -> _Rows:
    """The items of an index that are there, but for some, and further rows."""
    parts: list[Any] = []
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "label", "name", "bytes", "changed")}
    for start, segment in zip(index.starts, index.segments, strict=False):
        kept = ~index.gone[start : start + len(segment)]
        kept[[position - start for position in gone if start <= position < start + len(segment)]] = False
        parts.append(np.asarray(segment.lists.vectors)[kept])
        for name, values in columns.items():
            values += [v for v, keep in zip(segment.items[name].to_pylist(), kept, strict=True) if keep]
    if rows is not None:
        parts.append(rows.vectors)
        added: Any = (rows.ids, rows.labels, rows.names, rows.bytes, rows.changed)
        for values, more in zip(columns.values(), added, strict=True):
            values += more
    if not columns["id"]:
        raise ValueError("nothing is left of the source: the index is as it was")
    return _Rows(np.concatenate(parts), *columns.values())


def _skipped(state: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, why) for name, (_, why) in state["skipped"].items()]


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if path.exists() and path.stat().st_size and "empty" in str(error):  # an array without rows
            return np.load(path, allow_pickle=False)
        raise ValueError(f"{path} is damaged or missing ({error})") from error
