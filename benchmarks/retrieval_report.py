"""Tables of the benchmark of metric learning and search, made from its results file."""

from typing import Any

from hyperclade.learning.tables import read_tables, table_rows
from hyperclade.retrieval.system import SYSTEM
from report_text import markdown, seconds_text, setting_line, table_of, yes

NUMBERS = {"cifar100": (1,), "ablation-cifar100": (2,)}


def tables(sections: dict[str, Any]) -> dict[str, str]:
    """Markdown by section, for those sections that are there."""
    made = {"search": _search, "index": _index, "relabelling": _relabelling, "loss": _loss}
    found = {}
    for name, section in sections.items():
        own = _trained(name, section) if name in NUMBERS else made[name](section["records"])
        found[name] = "\n\n".join([setting_line(section), *own])
    return found


def _trained(name: str, section: dict[str, Any]) -> list[str]:
    parts = []
    for number in NUMBERS[name]:
        known = read_tables(SYSTEM.package)[number]
        rows = list(table_rows(SYSTEM, known, section["records"]))
        parts += [f"{known.title} (Table {number}).", table_of(rows)] if rows else []
    return parts


def _search(found: dict[str, Any]) -> list[str]:
    rows = [
        ["hyperbolic, exact", seconds_text(found["seconds"]), f"{found['right']} of {found['checked']}"],
        ["faiss `IndexFlatL2`, Euclidean", seconds_text(found["faiss_flat_seconds"]), ""],
    ]
    about = (
        f"The nearest other row of each of {found['rows']:,} × {found['d']}, by turns; ratio of the medians "
        f"{found['ratio']:.2f}. Right: beside all distances in float64, on a sample."
    )
    return [about, markdown(["", "seconds", "right"], rows)]


def _index(found: dict[str, Any]) -> list[str]:
    rows = [
        ["seconds to build", f"{found['build_seconds']:.0f}", f"{found['faiss_ivf']['build_seconds']:.0f}"],
        ["seconds to open", f"{found['opening_seconds']:.3f}", ""],
        ["MiB", f"{found['bytes'] / 2**20:,.0f}", ""],
        ["milliseconds for a query, median", _both(found, "50")[0], _both(found, "50")[1]],
        ["95th percentile", *_both(found, "95")],
        ["recall@10", f"{found['recall_at_10']:.4f}", f"{found['faiss_ivf']['recall_at_10']:.4f}"],
        ["recall@10 ≥ .95, a query < 50 ms, opens < 1 s", yes(_holds(found)), ""],
    ]
    about = (
        f"{found['rows']:,} × {found['d']}, hyperbolic, without a hierarchy: {found['lists']:,} lists, "
        f"{found['probes']} looked into. faiss's inverted lists hold the same rows, Euclidean, in memory."
    )
    return [about, markdown(["", "index", "faiss IVF"], rows)]


def _both(found: dict[str, Any], q: str) -> tuple[str, str]:
    return f"{found['query_ms'][q]:.2f}", f"{found['faiss_ivf']['query_ms'][q]:.2f}"


def _holds(found: dict[str, Any]) -> bool:
    return found["recall_at_10"] >= 0.95 and found["query_ms"]["95"] < 50 and found["opening_seconds"] < 1


def _relabelling(found: dict[str, Any]) -> list[str]:
    flat, size = found["faiss_kmeans"], f"{found['rows']:,} × {found['d']}"
    rows = [
        ["hierarchy", f"{found['seconds']:.1f}", *(f"{value:.3f}" for value in found["nmi"].values())],
        ["faiss k-means", f"{flat['seconds']:.1f}", f"{flat['nmi']:.3f}", "", ""],
    ]
    about = f"{size} about the leaves of a planted tree; {found['peak_mib']:,.0f} MiB."
    return [about, markdown(["", "seconds", *(f"NMI, {k} clusters" for k in found["counts"])], rows)]


def _loss(found: dict[str, Any]) -> list[str]:
    rows = [[name, f"{value:.1f}"] for name, value in found["milliseconds"].items()]
    about = f"Forward and backward, a batch of {found['batch']} embeddings of {found['dim']}, median."
    return [about, markdown(["loss", "milliseconds"], rows)]
