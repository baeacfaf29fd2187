"""Tables of the sections `growth` and `determinism`, made from their records."""

from statistics import median
from typing import Any

from clustering_data import NESTED, title
from report_text import markdown, seconds_text

Record = dict[str, Any]

OURS, PEER = "SHHC", "EVoC"
FULL, COMMAND = "SHHC (cosine), full resolution", "hyperclade discover"


# ---- growth ----


def growth_tables(records: list[Record]) -> str:
    """Time and memory beside EVoC, stages, quality, full resolution, and the command."""
    found = {(r["method"], _rows(r)): r for r in records if "method" in r}
    measured = {key: r for key, r in found.items() if "skipped" not in r}
    sizes = sorted({n for _, n in found})
    parts = [_time_and_memory(found, measured, sizes)]
    for method, what in ((OURS, "Stages of SHHC"), (FULL, "Every row a leaf, similarity cosine")):
        if any((method, n) in measured for n in sizes):
            parts.append(_stages(measured, method, what, sizes))
    parts.append(_quality(measured, sizes))
    if any((COMMAND, n) in measured for n in sizes):
        parts.append(_stages(measured, COMMAND, "`hyperclade discover` as a whole, files included", sizes))
    failed = [f"{m} of {n:,} rows: {r['skipped']}" for (m, n), r in found.items() if "skipped" in r]
    if failed:
        parts.append("Not measured: " + "; ".join(failed) + ".")
    return "\n\n".join(parts)


def _time_and_memory(found: Any, measured: Any, sizes: list[int]) -> str:
    rows = []
    for n in sizes:
        ours, peer = measured.get((OURS, n)), measured.get((PEER, n))
        row = [f"{n:,}"]
        for method in (OURS, PEER):
            run = measured.get((method, n))
            if run is None:
                row += ["failed or stopped" if (method, n) in found else "–", "–", "–"]
            else:
                row += [
                    seconds_text([run["seconds"]]),
                    _growth(measured, method, n),
                    f"{run['peak_mib']:,.0f}",
                ]
        row.append(f"{peer['seconds'] / ours['seconds']:.2f}×" if ours and peer else "–")
        row.append(f"{ours['feature_mib']:,.0f}" if ours else "–")
        rows.append(row)
    head = [
        "rows", "SHHC, s", "as n doubles", "peak MiB", "EVoC, s", "as n doubles", "peak MiB",
        "EVoC / SHHC, s", "features, MiB",
    ]  # fmt: skip
    return markdown(head, rows)


def _stages(measured: Any, method: str, what: str, sizes: list[int]) -> str:
    runs = {n: measured[method, n] for n in sizes if (method, n) in measured}
    names = list(dict.fromkeys(name for run in runs.values() for name in run["stages"]))
    rows = [
        [f"{n:,}", seconds_text([run["seconds"]]), _growth(measured, method, n), f"{run['peak_mib']:,.0f}",
         *(seconds_text([run["stages"][name]]) if name in run["stages"] else "–" for name in names)]
        for n, run in runs.items()
    ]  # fmt: skip
    return f"{what}:\n\n{markdown(['rows', 's', 'as n doubles', 'peak MiB', *names], rows)}"


def _quality(measured: Any, sizes: list[int]) -> str:
    rows = []
    for method in (OURS, FULL, PEER):
        for n in sizes:
            run = measured.get((method, n))
            if run is None:
                continue
            row = [method, f"{n:,}"]
            if method == PEER:
                row += [_best_layer(run["layers"], str(k)) for k in NESTED]
                row += ["–"] * 5
            else:
                row += [f"{run['nmi'][str(k)]:.3f}" for k in NESTED]
                row += [f"{run['purity'][str(k)]:.3f}" for k in NESTED]
                row += ["–" if run["recall"] is None else f"{run['recall']:.3f}", f"{run['score']:.4f}"]
            rows.append(row)
    head = ["method", "rows", *(f"NMI, {k:,}" for k in NESTED), *(f"purity, {k:,}" for k in NESTED)]
    head += ["recall", "score"]
    text = (
        "Agreement with the mixture's levels. SHHC is cut at the number of a level's clusters that are there;"
        " of EVoC it is the layer that agrees best with the level, noise counted as a cluster, and *kept* the"
        " best on rows that are no noise. *Recall* is of the true neighbours, *score* the normalised one in"
        " the tree's own similarity."
    )
    return f"{text}\n\n{markdown(head, rows)}"


def _best_layer(layers: list[Any], level: str) -> str:
    """The highest NMI of a layer with a level, and the highest on the rows that a layer keeps."""
    if not layers:
        return "–"
    agreed, k = max((layer["nmi"][level], layer["k"]) for layer in layers)
    kept = max(layer["nmi"].get(f"{level}, kept", 0.0) for layer in layers)
    return f"{agreed:.3f} (k = {k:,}; kept {kept:.3f})"


def _growth(measured: Any, method: str, n: int) -> str:
    half = measured.get((method, n // 2))
    return f"{measured[method, n]['seconds'] / half['seconds']:.2f}×" if half else "–"


def _rows(record: Record) -> int:
    return int(record["data"].split(":")[1])


# ---- determinism ----


def determinism_tables(records: list[Record]) -> str:
    """Seconds of the two versions, and the ratio of their medians with that of each pair of runs."""
    times: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for r in records:
        cell = times.setdefault((r["data"], r["method"]), {}).setdefault(r["version"], {})
        if "seconds" in r:
            cell[r["repetition"]] = r["seconds"]
    rows = []
    for (data, method), versions in times.items():
        now = versions.get("present", {})
        for name, before in versions.items():
            if name == "present":
                continue
            pairs = [now[k] / before[k] for k in before if k in now]
            if not pairs:
                rows.append([title(data), method, name, "–", "–", "–", "–"])
                continue
            ratio = median(now.values()) / median(before.values())
            rows.append(
                [title(data), method, name, seconds_text([median(before.values())]),
                 seconds_text([median(now.values())]), f"{ratio:.2f}×",
                 f"{min(pairs):.2f} … {max(pairs):.2f}"]
            )  # fmt: skip
    head = ["data", "fit", "compared with", "it, s", "present, s", "ratio", "of pairs of runs"]
    return markdown(head, rows)
