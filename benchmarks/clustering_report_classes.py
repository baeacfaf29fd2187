"""Tables of the section `classes`, made from its records."""

from statistics import fmean
from typing import Any

from clustering_data import title
from clustering_methods import CLASS_METHODS
from report_text import markdown

DEFAULT, BEFORE = "SHHC", "SHHC before"
PEERS = tuple(name for group, methods in CLASS_METHODS.items() if group != "SHHC" for name in methods)
MEASURES = {"purity": "dendrogram purity", "nmi": "NMI", "ari": "ARI"}
_MAIN_SCALING = "minmax"

Target = tuple[str, str]  # a data set and one of its labellings
Values = dict[Target, dict[str, list[float]]]  # of each method, seed by seed


def classes_tables(records: list[dict[str, Any]]) -> str:
    """By method over all sets, by set against the best peer, and one metric against the other."""
    values = {measure: _values(records, measure) for measure in MEASURES}
    all_sets = list(values["purity"])
    main = [target for target in all_sets if "@" not in target[0] or target[0].endswith(f"@{_MAIN_SCALING}")]
    parts = []
    if main:
        parts += [_by_method(values, main), _by_set(values, main, _number_of_classes(records))]
    if all_sets:
        parts.append(_by_metric(values, all_sets))
    failed = _failures(records)
    if failed:
        parts.append("Not measured: " + "; ".join(failed) + ".")
    return "\n\n".join(parts)


def _by_method(values: dict[str, Values], targets: list[Target]) -> str:
    present = {name for target in targets for name in values["purity"][target]}
    order = [name for name in (*CLASS_METHODS["SHHC"], BEFORE, *PEERS) if name in present]
    rows = []
    for method in order:
        row = [method]
        for found in values.values():
            here = [target for target in targets if method in found[target]]
            means = [fmean(found[target][method]) for target in here]
            ranks, gaps, wins, sure_wins = [], [], 0, 0
            for target, mean in zip(here, means, strict=True):
                others = [fmean(v) for name, v in found[target].items() if name in PEERS and name != method]
                if not others:
                    continue
                ranks.append(1 + sum(o > mean for o in others) + sum(o == mean for o in others) / 2)
                gaps.append(mean - max(others))
                wins += mean > max(others)
                sure_wins += min(found[target][method]) > max(others)
            if not ranks:
                row += [f"{fmean(means):.3f}", "–", "–", "–"]
                continue
            worst = f" ({sure_wins})" if sure_wins != wins else ""
            row += [f"{fmean(means):.3f}", f"{fmean(ranks):.1f}", f"{min(gaps):+.3f}", f"{wins}{worst}"]
        rows.append(row)
    head = ["method"]
    for name in MEASURES.values():
        head += [name, "mean rank", "worst gap", "first"]
    text = (
        f"Over {len(targets)} labellings. The rank is among the peers (all but SHHC's rows; a peer among the "
        "others), ties share it; the gap is to the best of them, where it is worst; *first* counts the "
        "labellings with a mean strictly above all of them (in brackets: with the worst seed, where that "
        "differs)."
    )
    return f"{text}\n\n{markdown(head, rows)}"


def _by_set(values: dict[str, Values], targets: list[Target], classes: dict[Target, int]) -> str:
    rows = []
    for target in targets:
        row = [_name(target), f"{classes[target]}" if target in classes else "–"]
        for found in values.values():
            row.append(_cell(found[target], DEFAULT))
            peers = {name: fmean(v) for name, v in found[target].items() if name in PEERS}
            best = max(peers, key=lambda name: peers[name], default=None)
            row.append("–" if best is None else f"{peers[best]:.3f} ({best})")
        rows.append(row)
    head = ["data, labels", "classes"]
    for name in MEASURES.values():
        head += [f"{name}: {DEFAULT}", "best peer"]
    return f"The default beside the best peer on each:\n\n{markdown(head, rows)}"


def _by_metric(values: dict[str, Values], targets: list[Target]) -> str:
    rows, wins = [], {measure: [0, 0] for measure in MEASURES}
    for target in targets:
        row = [_name(target)]
        for measure, found in values.items():
            means = {name: fmean(v) for name, v in found[target].items()}
            euclidean, cosine = means.get(f"{DEFAULT}, euclidean"), means.get(f"{DEFAULT}, cosine")
            if euclidean is not None and cosine is not None:
                wins[measure][0] += euclidean > cosine
                wins[measure][1] += cosine > euclidean
            texts = [
                "–" if value is None else f"**{value:.3f}**" if value > (other or 0) else f"{value:.3f}"
                for value, other in ((euclidean, cosine), (cosine, euclidean))
            ]
            row += [*texts, _cell(found[target], BEFORE)]
        rows.append(row)
    head = ["data, labels"]
    for name in MEASURES.values():
        head += [f"{name}: euclidean", "cosine", "before"]
    counts = ", ".join(f"{MEASURES[m]} {a} : {b}" for m, (a, b) in wins.items())
    text = (
        "SHHC by each metric, with all scalings of the tables, beside the version before. Higher by Euclidean"
        f" distance : by cosine: {counts}."
    )
    return f"{text}\n\n{markdown(head, rows)}"


def _cell(found: dict[str, list[float]], method: str) -> str:
    return f"{fmean(found[method]):.3f}" if method in found else "–"


def _name(target: Target) -> str:
    return f"{title(target[0])}, {target[1]}" if target[1] != "class" else title(target[0])


def _values(records: list[dict[str, Any]], measure: str) -> Values:
    found: Values = {}
    for record in records:
        methods = record.get("methods") or {record.get("method"): record}
        for method, result in methods.items():
            for run in result.get("runs", []):
                for labelling, value in run[measure].items():
                    cell = found.setdefault((record["data"], labelling), {})
                    cell.setdefault(method, []).append(value)
    return found


def _number_of_classes(records: list[dict[str, Any]]) -> dict[Target, int]:
    return {(r["data"], name): k for r in records for name, k in r.get("classes", {}).items()}


def _failures(records: list[dict[str, Any]]) -> list[str]:
    found = []
    for record in records:
        if "skipped" in record:
            found.append(
                f"{title(record['data'])}, {record.get('group') or record['method']}: {record['skipped']}"
            )
        for method, result in record.get("methods", {}).items():
            if "skipped" in result:
                found.append(f"{title(record['data'])}, {method}: {result['skipped']}")
    return found
