"""The top of a hierarchy as lines of text."""

from collections.abc import Mapping
from typing import Any

from hyperclade.hierarchy.naming import plain
from hyperclade.report.branches import main_branches
from hyperclade.trees.tree import Tree

_LINES = 24  # of twigs together, where the tree has as many
_MOST_TWIGS = 4
_LEAST_TWIG = 0.05  # of the rows of its branch


def outline(tree: Tree, node_names: Mapping[int, str], notes: Mapping[int, str] | None = None) -> list[str]:
    """The top of a tree as lines of text: its main branches, and theirs, with names and sizes.

    Together the lines of a level stand for all rows: a line of its own counts those too few to be shown.

    Parameters
    ----------
    tree : Tree
    node_names : dict of int to str
        Names of some nodes; others are called by their number of rows.
    notes : dict of int to str, optional
        What stands behind the sizes of some nodes.

    Examples
    --------
    >>> for line in outline(Tree([4, 4, 5, 5, 6, 6, -1]), {4: "pets", 5: "trees"}, {5: "50 % oak"}):
    ...     print(line)
    4 rows
    ├─ pets  2
    └─ trees  2  50 % oak
    """
    notes = notes or {}

    def text(node: int) -> str:
        size = int(tree.size[node])
        name = plain(node_names.get(node, ""))
        about = [f"{name}  {size:,}" if name else _rows(size), plain(notes.get(node, ""))]
        return "  ".join(filter(None, about))

    lines = [_rows(tree.n_leaves)]
    nodes = outline_nodes(tree)
    rest = _rest(tree, tree.root, [branch for branch, _ in nodes])
    for k, (branch, below) in enumerate(nodes):
        last = k == len(nodes) - 1 and not rest
        lines.append(f"{'└─' if last else '├─'} {text(branch)}")
        more = _rest(tree, branch, below)
        twigs = [text(twig) for twig in below] + ([more] if more else [])
        for j, twig in enumerate(twigs):
            corner = "└─" if j == len(twigs) - 1 else "├─"
            lines.append(f"{'   ' if last else '│  '}{corner} {twig}")
    return [*lines, f"└─ {rest}"] if rest else lines


def outline_nodes(tree: Tree) -> list[tuple[int, list[int]]]:
    """The nodes that `outline` shows: each main branch with its own, in depth-first order.

    >>> outline_nodes(Tree([4, 4, 5, 5, 6, 6, -1]))
    [(4, []), (5, [])]
    """
    shown = [node for node in main_branches(tree).tolist() if node != tree.root]
    count = min(max(_LINES // max(len(shown), 1), 2), _MOST_TWIGS)

    def twigs(branch: int) -> list[int]:
        return main_branches(tree, count, least_share=_LEAST_TWIG, root=branch).tolist()

    return [(branch, [twig for twig in twigs(branch) if twig != branch]) for branch in shown]


def _rest(tree: Tree, node: int, below: list[int]) -> str:
    """What of a node is in none of those shown below it, if any are."""
    count = int(tree.size[node] - tree.size[below].sum()) if below else 0
    return f"… {count:,} more row{'s' if count > 1 else ''} in small branches" if count else ""


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """What a summary (`Outcome.summary`) says of a discovery, as texts by their titles; all of it may lack.

    >>> facts({"similarity": "knn", "seconds": {"reading": 1.0, "tree": 0.5}})
    {'similarity': 'knn', 'time': '1.5 s'}
    """
    told: dict[str, str] = {}
    if "features" in summary:
        scaled = "" if summary.get("scale", "none") == "none" else f", scaled: {summary['scale']}"
        shape = f"{summary['rows']:,} × {summary['features']:,}"
        told["rows × features"] = f"{shape} ({summary['dtype']}{scaled})"
    told |= {name: summary[name] for name in ("similarity", "metric") if name in summary}
    if "neighbour_recall" in summary:
        recall = summary["neighbour_recall"]
        found = "all compared" if recall is None else f"{100 * recall:.4g} % of the true ones found"
        told["neighbours"] = found
    if "cost" in summary:
        told["Dasgupta cost"] = f"{summary['cost']:.6g}"
    if "score" in summary:
        told["normalised score"] = f"{summary['score']:.4f}"
    if summary.get("layers"):
        numbers = ", ".join(f"{layer['clusters']:,}" for layer in summary["layers"])
        told["layers"] = f"{numbers} clusters"
    if summary.get("seconds"):
        told["time"] = f"{sum(summary['seconds'].values()):.1f} s"
    if "peak_memory_mib" in summary:
        memory = summary["peak_memory_mib"]
        told["peak memory"] = "unknown" if memory is None else f"{memory:,.0f} MiB"
    return told


def scores(evaluation: Mapping[str, Any]) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """Title, columns and rows of a table of what `Outcome.evaluation` found."""
    purity = evaluation["dendrogram_purity"]
    title = f"Against {evaluation['classes']} classes of labels"
    title += "" if purity is None else f": dendrogram purity {purity:.4f}"
    columns = ("labels", "NMI", "AMI", "ARI", "mean purity", "weighted purity")
    found = evaluation["layers"].items()
    return title, columns, [(name, *(f"{score:.3f}" for score in own.values())) for name, own in found]
