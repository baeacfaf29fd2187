"""Tables of the self-labelling benchmark, made from its results file only."""

from collections.abc import Sequence
from typing import Any

from hyperclade.selflabel.reproduce import NAMES
from report_text import markdown, mean_sd, setting_line

Record = dict[str, Any]
_VIEWS = {"vision": "V", "audio": "A", "joint": "AV"}


def tables(sections: dict[str, Any]) -> dict[str, str]:
    """Markdown by section, for those sections that are there."""
    return {
        name: f"{setting_line(section)}\n\n{_TABLES[name](section['records'])}"
        for name, section in sections.items()
    }


def _systems(records: list[Record]) -> str:
    clustered = [record for record in records if record["system"] != "random"]
    return "\n\n".join(
        [
            "Clusters of unseen pairs (layout of sHHC Table 2): NMI, ARI and accuracy in percent, mean "
            "± sd over the seeds; of several heads their mean, and the head of least training loss (chosen "
            "without labels).",
            _clusters(clustered, ("vision", "audio", "joint")),
            "Accuracy in percent on unseen pairs (layout of sHHC Table 4), from few labels.",
            _downstream(records),
        ]
    )


def _clusters(records: list[Record], views: Sequence[str], corner: str = "model", by: Any = None) -> str:
    by = by or (lambda record: NAMES[record["system"]])
    rows = []
    for name in dict.fromkeys(by(record) for record in records):
        runs = [record for record in records if by(record) == name]
        cells = dict.fromkeys(
            (row["view"], row["clusters"]) for row in runs[0]["clusters"] if row["view"] in views
        )
        for view, clusters in cells:
            found = {head: _rows(runs, view, clusters, head) for head in ("mean", "chosen")}
            mean, chosen = found["mean"], found["chosen"]
            rows.append(
                [
                    name,
                    _VIEWS[view],
                    str(clusters),
                    _percent([row["nmi"] for row in mean]),
                    _percent([row["ari"] for row in mean]),
                    _percent([row["hungarian_accuracy"] for row in mean]),
                    _percent([row["nmi"] for row in chosen]),
                    _percent([row["nmi_ceiling"] for row in mean]),
                ]
            )
    head = [
        corner,
        "view",
        "clusters",
        "NMI",
        "ARI",
        "accuracy",
        "NMI, chosen head",
        "NMI ceiling of equal clusters",
    ]
    return markdown(head, rows)


def _rows(runs: list[Record], view: str, clusters: int, head: str) -> list[Record]:
    return [
        row
        for run in runs
        for row in run["clusters"]
        if (row["view"], row["clusters"]) == (view, clusters) and row["head"] in (head, "only")
    ]


def _downstream(records: list[Record]) -> str:
    fractions = dict.fromkeys(row["fraction"] for row in records[0]["probe"])
    tuned = dict.fromkeys(row["fraction"] for row in records[0]["tuned"])
    tests = [("probe", fraction, f"probe, {fraction:.0%}") for fraction in fractions]
    tests += [("tuned", fraction, f"fine-tuned, {fraction:.0%}") for fraction in tuned]
    rows = []
    for system in dict.fromkeys(record["system"] for record in records):
        runs = [record for record in records if record["system"] == system]
        cells = [
            _percent(
                [
                    row["accuracy"]
                    for run in runs
                    for row in run[kind]
                    if row["view"] == view and row["fraction"] == fraction
                ]
            )
            for kind, fraction, _ in tests
            for view in _VIEWS
        ]
        rows.append([NAMES[system], *cells])
    return markdown(
        ["model", *(f"{title} {view}" for _, _, title in tests for view in _VIEWS.values())], rows
    )


def _variants(records: list[Record]) -> str:
    parts = []
    for name in dict.fromkeys(record["variant"] for record in records):
        runs = [record for record in records if record["variant"] == name]
        parts += [f"**{name}**", _clusters(runs, ("joint",))]
    return "\n\n".join(parts)


def _degraded(records: list[Record]) -> str:
    """NMI by noise: each modality alone (SeLa), both features concatenated (k-means), joint labels."""
    columns = (
        ("pictures alone (SeLa)", "sela", "vision"),
        ("sounds alone (SeLa)", "sela", "audio"),
        ("concatenated (SeLa, k-means)", "sela", "joint"),
        ("joint (SeLaVi)", "selavi", "joint"),
        ("joint (sHHC)", "shhc", "joint"),
        ("pictures, taught by sound (sHHC)", "shhc", "vision"),
    )
    rows = []
    for noise in dict.fromkeys(record["noise"] for record in records):
        cells = []
        for _, system, view in columns:
            runs = [record for record in records if (record["noise"], record["system"]) == (noise, system)]
            clusters = runs[0]["clusters"][0]["clusters"]
            cells.append(_percent([row["nmi"] for row in _rows(runs, view, clusters, "mean")]))
        rows.append([f"{noise:g}", *cells])
    return markdown(["noise of the pictures", *(title for title, _, _ in columns)], rows)


def _ablation(records: list[Record]) -> str:
    return _clusters(records, ("joint",), "variant", lambda record: record["ablation"])


def _relabelling(records: list[Record]) -> str:
    rows, notes = [], []
    for record in records:
        towers = record["towers"]
        epoch = towers["training_epoch_seconds"]
        times = record["n_heads"] / record["measured_heads"]
        for name in ("first", "later"):
            seconds, added = record[name]["seconds"] * times, record[name]["added_mib"] / 1024
            rows.append(
                [
                    f"labels of {record['n_heads']} heads, {name}",
                    f"{seconds:,.0f}",
                    f"{seconds / epoch:.2%}",
                    f"{added:.1f}",
                ]
            )
        extraction = towers["extraction_seconds"]
        rows.append(["extraction of the features", f"{extraction:,.0f}", f"{extraction / epoch:.2%}", ""])
        rows.append(["one epoch of training", f"{epoch:,.0f}", "100%", ""])
        measured, heads, sizes = record["measured_heads"], record["n_heads"], record["sizes"]
        notes.append(
            f"{measured} of the {heads} heads were measured, the rest is proportional. One N×K matrix takes "
            f"{record['matrix_gib_float32']:.2f} GiB in float32. Clusters of the first head after the second "
            f"labelling hold {sizes['least']} to {sizes['most']} samples."
        )
    return (
        markdown(["", "seconds", "share of an epoch", "added memory, GiB"], rows) + "\n\n" + "\n".join(notes)
    )


def _full_size(records: list[Record]) -> str:
    rows, notes = [], []
    for record in records:
        for run in record["runs"]:
            what = "killed" if run["killed"] else "resumed by the same command" if run["resumed"] else "run"
            rows.append([what, f"{run['seconds']:.0f}", f"{run['peak_mib'] / 1024:.1f}"])
        last = record["history"][-1]
        notes.append(
            f"{record['clips']} clips. Training, labelling included: {record['clips_a_second']:.2f} clips/s; "
            f"extraction of all features {last['extraction_seconds']:.1f} s, labelling "
            f"{last['labelling_seconds']:.1f} s."
        )
    return markdown(["run", "seconds", "peak memory, GiB"], rows) + "\n\n" + "\n".join(notes)


def _decoding(records: list[Record]) -> str:
    rows = [
        [
            record["set"],
            f"{record['read_clip + log_mel']:.1f}",
            f"{record['ratio to whole file']:.1f}×",
            f"{record['ratio to same clip']:.1f}×",
            f"{record['log_mel share']:.1%}",
        ]
        for record in records
    ]
    return markdown(
        ["files", "clips/s", "to ffmpeg, whole file", "to ffmpeg, same clip", "share of the log-mel"], rows
    )


def _percent(values: Sequence[float]) -> str:
    return mean_sd([100 * value for value in values], 1) if values else "–"


_TABLES = {
    "systems": _systems,
    "variants": _variants,
    "degraded": _degraded,
    "ablation": _ablation,
    "relabelling": _relabelling,
    "full_size": _full_size,
    "decoding": _decoding,
}
