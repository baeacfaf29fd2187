"""Tables of the clustering benchmark, made from its results file only."""

import re
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

from clustering_data import title
from clustering_report_classes import classes_tables
from clustering_report_growth import determinism_tables, growth_tables
from report_text import markdown, mean_sd, seconds_text, setting_line, yes

Record = dict[str, Any]

OURS = "SHHC (cosine)"
TO_BEAT = (
    "single", "complete", "average", "weighted", "Ward", "bisecting k-means", "Paris", "Paris, all pairs",
    "HypHC", "UFit",
)  # fmt: skip
#: Costs to reach, over (n³ − n)/6, to four digits; and the official HypHC code's costs and seconds.
PROTOTYPE = {"iris, scikit-learn": 0.69895, "wine": 0.82093, "breast cancer": 0.83153, "digits": 0.93090}
OFFICIAL_HYPHC = {"iris, scikit-learn": (0.70093, 77), "wine": (0.83355, 94), "breast cancer": (0.83579, 309)}
WORDNET_COST = 0.9805


def tables(sections: dict[str, Any]) -> dict[str, str]:
    """Markdown by section, for those sections that are there."""
    made = {}
    for name, section in sections.items():
        head = setting_line(section)
        made[name] = f"{head}\n\n{_TABLES[name](section['records'])}"
    return made


# ---- sections ----


def _quality(records: list[Record]) -> str:
    found = _by_data_and_method(records)
    references = _references(records)
    parts = []
    for similarity, own in (("cosine", OURS), ("knn", "SHHC (knn)")):
        cost = _quality_cells(found, references, similarity, own)
        unit = "(n³ − n)/6" if similarity == "cosine" else "the expected cost of random trees"
        parts.append(
            f"Cost in the similarity **{similarity}** over {unit}; in brackets the ratio to {own}:\n\n{cost}"
        )
    parts.append(
        "Normalised score on cosine (0: random trees, 1: a bound that no tree reaches):\n\n"
        + _scores(found, references)
    )
    parts.append(f"Seconds:\n\n{_grid(found, lambda data, run: run['seconds'], seconds_text)}")
    parts.append(f"Checks:\n\n{_quality_checks(records, found, references)}")
    return "\n\n".join(parts)


def _quality_cells(found: Any, references: Any, similarity: str, own: str) -> str:
    def cost(data: str, run: Record) -> float:
        base = references[data]["unit"] if similarity == "cosine" else references[data]["knn"]["random"]
        return run["cost"][similarity] / base

    ours = {data: fmean(cost(data, run) for run in _runs(found, data, own)) for data in references}
    grid = _Grid(found)
    for (row, column), runs in grid.cells(lambda data, run: (cost(data, run), cost(data, run) / ours[data])):
        values, ratios = zip(*runs, strict=True)
        grid.put(row, column, f"{mean_sd(values, 5)} ({fmean(ratios):.4f})")
    return grid.markdown("method")


def _scores(found: Any, references: Any) -> str:
    def score(data: str, run: Record) -> float:
        base = references[data]["cosine"]
        return (base["random"] - run["cost"]["cosine"]) / (base["random"] - base["bound"])

    return _grid(found, score, lambda values: mean_sd(values, 4))


def _quality_checks(records: list[Record], found: Any, references: Any) -> str:
    rows = []
    agreements = {r["data"]: r["costs"] for r in records if "costs" in r}
    for data, reference in references.items():
        ours = [run["cost"]["cosine"] for run in _runs(found, data, OURS)]
        rivals = {m: _runs(found, data, m) for m in TO_BEAT if (data, m) in found}
        missing = [m for m, runs in rivals.items() if not runs]
        best = min((run["cost"]["cosine"], m) for m, runs in rivals.items() for run in runs)
        lowest = yes(bool(ours) and max(ours) < best[0])
        if missing:
            lowest += f" (not measured: {', '.join(missing)})"
        reached = "–"
        if data in PROTOTYPE and ours:
            value = max(ours) / reference["unit"]
            reached = (
                f"{yes(round(value, 4) <= round(PROTOTYPE[data], 4))}: {value:.5f}, {PROTOTYPE[data]:.5f}"
            )
        spread = "–"
        if costs := agreements.get(data):
            share = 100 * (max(costs.values()) / min(costs.values()) - 1)
            worst = max(costs, key=lambda start: costs[start])
            spread = f"{share:.4f} % ({yes(share <= 0.05)}; worst: {worst})"
        seed = f", subset {data.rsplit(':', 1)[1]}" if ":" in data else ""
        rows.append(
            [
                title(data) + seed,
                lowest,
                f"{best[1]} ({best[0] / fmean(ours):.4f})" if ours else "–",
                reached,
                spread,
            ]
        )
    head = [
        "data",
        f"{OURS} strictly lowest, worst seed",
        "next (ratio)",
        "as low as in the prototype",
        "spread over starts",
    ]
    return markdown(head, rows)


def _labels(records: list[Record]) -> str:
    found = _by_data_and_method(records)
    labellings: dict[str, None] = {}
    for runs in found.values():
        labellings |= dict.fromkeys(key for run in runs for key in run["purity"])
    grid = _Grid(found, columns_of=lambda data: [f"{title(data)}, {name}" for name in labellings])
    for labelling in labellings:
        values: dict[tuple[str, str], list[float]] = {}
        for (data, method), runs in found.items():
            for run in runs:
                if labelling in run["purity"]:
                    values.setdefault((method, f"{title(data)}, {labelling}"), []).append(
                        run["purity"][labelling]
                    )
        for (method, column), purities in values.items():
            grid.put(method, column, mean_sd(purities, 4))
    parts = [f"Dendrogram purity:\n\n{grid.markdown('method')}"]
    parts.append(f"Seconds:\n\n{_grid(found, lambda data, run: run['seconds'], seconds_text)}")
    flat = [r for r in records if "layers" in r]
    rows = []
    for record in flat:
        for layer in record["layers"]:
            for names in (("EVoC", "SHHC"), ("EVoC, kept rows", "SHHC, kept rows")):
                cells = [
                    f"{layer[names[0]][key]:.3f} / {layer[names[1]][key]:.3f}"
                    for key in ("nmi", "ari", "ami")
                ]
                kept = "kept" if "kept" in names[0] else "all"
                rows.append(
                    [title(record["data"]), str(layer["seed"]), layer["labelling"], str(layer["k"]),
                     f"{100 * layer['noise']:.0f} %", kept, *cells]
                )  # fmt: skip
    if rows:
        text = "EVoC's layers / SHHC (knn) cut at the same k. EVoC leaves rows out as noise: "
        text += '"all" counts them as a cluster of its own, "kept" compares on the rows that it keeps.'
        wins = [
            sum(layer[f"SHHC{kept}"][key] > layer[f"EVoC{kept}"][key] for r in flat for layer in r["layers"])
            for kept in ("", ", kept rows") for key in ("nmi", "ari", "ami")
        ]  # fmt: skip
        total = len(rows) // 2
        text += (
            " SHHC is higher in {} (NMI), {} (ARI), {} (AMI) of {} comparisons on all rows, and in ".format(
                *wins[:3], total
            )
        )
        text += "{}, {}, {} on the kept ones.".format(*wins[3:])
        head = ["data", "seed", "labels", "k", "noise", "rows", "NMI", "ARI", "AMI"]
        parts.append(f"{text}\n\n{markdown(head, rows)}")
    return "\n\n".join(parts)


def _speed(records: list[Record]) -> str:
    found, references = _by_data_and_method(records), _references(records)
    rows = []
    for data in (d for d in references if d != "wordnet"):
        ours, theirs = _runs(found, data, OURS), _runs(found, data, "average")
        if not ours or not theirs:
            continue
        a, b = _mean(ours, "seconds"), _mean(theirs, "seconds")
        unit = references[data]["unit"]
        costs = [[run["cost"]["cosine"] / unit for run in runs] for runs in (ours, theirs)]
        rows.append(
            [title(data), seconds_text([r["seconds"] for r in ours]), f"{b:.1f}",
             f"{b / a:.1f}× ({yes(b >= 10 * a)})",
             mean_sd(costs[0], 5), f"{costs[1][0]:.5f}", yes(max(costs[0]) < min(costs[1]))]
        )  # fmt: skip
    head = [
        "data",
        f"{OURS}, s",
        "fastcluster average (with pdist), s",
        "faster (≥ 10×)",
        "cost",
        "cost of average",
        "lower",
    ]
    parts = [f"Full tree with search, costs over (n³ − n)/6:\n\n{markdown(head, rows)}"]
    rows = []
    for method, limit in ((OURS, 90), ("SHHC (knn)", 180)):
        if runs := _runs(found, "wordnet", method):
            reference = references["wordnet"]
            cost = [run["cost"]["cosine"] / reference["unit"] for run in runs]
            reached = f" ({yes(max(cost) <= WORDNET_COST)}: ≤ {WORDNET_COST})" if method == OURS else ""
            slowest = max(run["seconds"] for run in runs)
            rows.append(
                [method, f"{seconds_text([r['seconds'] for r in runs])} ({yes(slowest < limit)}: < {limit})",
                 f"{_mean(runs, 'cpu_seconds'):.0f}", mean_sd(cost, 5) + reached,
                 f"{max(r['peak_mib'] for r in runs):.0f} ({reference['feature_mib']:.0f})"]
            )  # fmt: skip
    if rows:
        head = ["method", "s", "CPU s", "cosine cost / ((n³ − n)/6)", "peak MiB (of which features)"]
        parts.append(
            f"All 82,115 nouns of WordNet, 256 components, every row a leaf:\n\n{markdown(head, rows)}"
        )
    rows = []
    for method in (OURS, "SHHC (knn)"):
        sizes = sorted(
            int(d.split(":")[1]) for d, m in found if m == method and re.fullmatch(r"wordnet:\d+:0", d)
        )
        times = [_mean(_runs(found, f"wordnet:{n}:0", method), "seconds") for n in sizes]
        for i, (n, seconds) in enumerate(zip(sizes, times, strict=True)):
            growth = f"{seconds / times[i - 1]:.2f}× ({yes(seconds <= 2.3 * times[i - 1])})" if i else "–"
            rows.append([method, f"{n:,}", f"{seconds:.1f}", growth])
    head = ["method", "n", "s", "growth as n doubles (≤ 2.3×)"]
    parts.append(f"Random rows of WordNet, 256 components:\n\n{markdown(head, rows)}")
    return "\n\n".join(parts)


def _scale(records: list[Record]) -> str:
    found, references = _by_data_and_method(records), _references(records)
    rows, notes = [], []
    for data, reference in references.items():
        peer = _runs(found, data, "faiss k-means + average")
        for method in ("faiss k-means + average", OURS, f"{OURS}, balanced=False", "SHHC (knn)"):
            runs = _runs(found, data, method)
            if not runs:
                continue
            stages = {key: fmean(run["stages"][key] for run in runs) for key in runs[0]["stages"]}
            cost = [run["cost"]["cosine"] / reference["unit"] for run in runs]
            rest = ", ".join(f"{key} {value:.1f}" for key, value in stages.items())
            if runs is peer:
                upper = _mean(runs, "seconds")
            else:
                upper = sum(stages[key] for key in ("similarity", "pre-clusters", "tree"))
            rows.append(
                [method, f"{upper:.1f}", rest, mean_sd(cost, 5), f"{max(r['peak_mib'] for r in runs):.0f}"]
            )
            if method.startswith(OURS) and peer:
                base = _mean(peer, "seconds")
                worst = min(run["cost"]["cosine"] for run in peer) / reference["unit"]
                notes.append(
                    f"{method} up to the tree over its pre-clusters: {upper / base:.2f} of k-means' time "
                    f"(≤ 1: {yes(upper <= base)}). Cost lower: {yes(max(cost) < worst)}."
                )
            if runs is not peer:
                beyond = max(r["peak_mib"] for r in runs) - reference["feature_mib"]
                notes.append(
                    f"{method}: peak memory is that of the features ({reference['feature_mib']:.0f} MiB, "
                    f"memory-mapped) and {beyond:.0f} MiB (≤ 1,024: {yes(beyond <= 1024)})."
                )
        head = [
            "method",
            "k-means, or up to the tree, s",
            "stages, s",
            "cosine cost / ((n³ − n)/6)",
            "peak MiB",
        ]
        notes.insert(
            0,
            f"{title(data)}; costs of the trees that stop at the clusters:\n\n{markdown(head, rows)}\n",
        )
    return "\n".join([notes[0], *(f"- {note}" for note in notes[1:])])


def _hyphc(records: list[Record]) -> str:
    found, references = _by_data_and_method(records), _references(records)
    rows = []
    for (data, _), runs in found.items():
        if not runs:
            continue
        cost = [run["cost"]["cosine"] / references[data]["unit"] for run in runs]
        seconds = [run["seconds"] for run in runs]
        official, limit = OFFICIAL_HYPHC[data]
        rows.append(
            [title(data), str(len(runs)), mean_sd(cost, 5), f"{max(cost):.5f}", f"{official:.5f}",
             yes(round(max(cost), 5) <= official), seconds_text(seconds), str(limit),
             f"{limit / max(seconds):.0f}× ({yes(max(seconds) <= limit / 10)})"]
        )  # fmt: skip
    head = [
        "data",
        "seeds",
        "cost",
        "worst",
        "official",
        "reached by all",
        "s",
        "official, s",
        "faster (≥ 10×)",
    ]
    return f"From random directions; costs on cosine over (n³ − n)/6:\n\n{markdown(head, rows)}"


def _ablation(records: list[Record]) -> str:
    rows = []
    references = _references(records)
    for r in records:
        if "stage" not in r:
            continue
        parts = "none" if r["n_clusters"] is None else f"{r['preclusters']}, {r['n_clusters']}"
        cells = [title(r["data"]), parts, r["similarity"], r["stage"]]
        if "skipped" in r:
            rows.append([*cells, r["skipped"], "", "", "", "", ""])
            continue
        runs, own = r["runs"], r["similarity"]
        unit = references[r["data"]]["unit"]
        rows.append(
            [*cells, f"{fmean(run['cost'][own] for run in runs):.5g}",
             mean_sd([run["score"][own] for run in runs], 4),
             mean_sd([run["cost"]["cosine"] / unit for run in runs], 5),
             mean_sd([run["score"]["cosine"] for run in runs], 4),
             mean_sd([fmean(run["purity"].values()) for run in runs], 4),
             seconds_text([run["seconds"] for run in runs])]
        )  # fmt: skip
    head = [
        "data", "pre-clusters", "similarity", "stage", "own cost", "own score", "cosine cost / ((n³ − n)/6)",
        "cosine score", "dendrogram purity", "s",
    ]  # fmt: skip
    return markdown(head, rows)


_TABLES: dict[str, Callable[[list[Record]], str]] = {
    "quality": _quality,
    "labels": _labels,
    "speed": _speed,
    "scale": _scale,
    "hyphc": _hyphc,
    "ablation": _ablation,
    "classes": classes_tables,
    "growth": growth_tables,
    "determinism": determinism_tables,
}


# ---- pieces ----


class _Grid:
    """A table of methods by data sets (subsets of one set share a column) that is filled cell by cell."""

    def __init__(self, found: dict[tuple[str, str], list[Record]], columns_of: Any = None) -> None:
        self.found = found
        self.rows: dict[str, None] = dict.fromkeys(method for _, method in found)
        names = columns_of or (lambda data: [title(data)])
        self.columns: dict[str, None] = dict.fromkeys(name for data, _ in found for name in names(data))
        self.text: dict[tuple[str, str], str] = {}

    def cells(self, value: Callable[[str, Record], Any]) -> Iterable[tuple[tuple[str, str], list[Any]]]:
        grouped: dict[tuple[str, str], list[Any]] = {}
        for (data, method), runs in self.found.items():
            grouped.setdefault((method, title(data)), []).extend(value(data, run) for run in runs)
        return [(cell, values) for cell, values in grouped.items() if values]

    def put(self, row: str, column: str, text: str) -> None:
        self.text[row, column] = text

    def markdown(self, corner: str) -> str:
        filled = [c for c in self.columns if any((row, c) in self.text for row in self.rows)]
        rows = [[row, *(self.text.get((row, c), "–") for c in filled)] for row in self.rows]
        return markdown([corner, *filled], rows)


def _grid(found: Any, value: Callable[[str, Record], float], show: Callable[[list[float]], str]) -> str:
    grid = _Grid(found)
    for (row, column), values in grid.cells(value):
        grid.put(row, column, show(values))
    return grid.markdown("method")


def _by_data_and_method(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    """Runs of each data set and method, none where it was skipped."""
    return {(r["data"], r["method"]): r.get("runs", []) for r in records if "method" in r}


def _references(records: list[Record]) -> dict[str, Record]:
    return {r["data"]: r["references"] for r in records if "references" in r}


def _runs(found: Any, data: str, method: str) -> list[Record]:
    return found.get((data, method), [])


def _mean(runs: list[Record], key: str) -> float:
    return fmean(run[key] for run in runs)
