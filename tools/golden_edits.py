"""Write the edits of trees, and the trees after them, that Python and TypeScript must agree on to the bit.

    python tools/golden_edits.py

Each case of `web/tests/golden/edits.json` has a tree (`parent`, `height` of all nodes, `names` of inner
ones), `edits` and what is there `after` them: `parent`, `height`, `leaves`, `origin` and `names`, as
`hyperclade.trees.edits.apply_edits` has them; or `"error": true` where the last of the edits cannot be done.
The file is the same every time, to the byte.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.trees import Tree
from hyperclade.trees.edits import apply_edits

OUT = Path(__file__).parents[1] / "web/tests/golden/edits.json"
OPS = ("rename", "merge", "dissolve", "move", "split", "drop", "keep")
NAMES = ("pets", "", "ζῷα", "a,b", "line\nbreak", "<script>", '"quoted"', "=1+1", "  ", "😀")
CASES_OF_A_KIND = 24
KINDS = {  # leaves, most children, share of ties in height, single children, caterpillar
    "binary": (12, 2, 0.0, False, False),
    "ties": (12, 2, 0.6, False, False),
    "multi-way": (14, 5, 0.3, False, False),
    "caterpillar": (10, 2, 0.1, False, True),
    "single children": (9, 3, 0.3, True, False),
    "star": (8, 8, 0.0, False, False),
    "tiny": (3, 2, 0.5, True, False),
}


def text() -> str:
    """What the file holds."""
    cases = [case for kind in KINDS for number in range(CASES_OF_A_KIND) for case in some_cases(kind, number)]
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    return f'{{"format":"hyperclade-golden-edits","cases":[\n{lines}\n]}}\n'


def some_cases(kind: str, number: int) -> list[dict[str, Any]]:
    """A tree with a row of edits, and the same with one more that cannot be done, where one was met."""
    draw = random.Random(f"{kind} {number}")
    tree = some_tree(draw, *KINDS[kind])
    names = {node: f"n{node}" for node in range(len(tree), tree.n_nodes) if draw.random() < 0.4}
    given = {
        "kind": kind,
        "parent": tree.parent.tolist(),
        "height": tree.height.tolist(),
        "names": [[node, name] for node, name in names.items()],
    }
    edits: list[dict[str, Any]] = []
    wrong = None
    for _ in range(0 if number == 0 else draw.randrange(2, 9)):
        done = apply_edits(tree, edits)
        # Those that take most away come late, or little would be left to edit.
        op = draw.choice((*OPS[:5], "merge") if len(edits) < 3 else (*OPS, "merge", "drop", "drop", "keep"))
        edit = some_edit(draw, op, done.tree, done.origin, tree)
        try:
            apply_edits(tree, [*edits, edit])
        except ValueError:
            wrong = [*edits, edit]
        else:
            edits.append(edit)
    done = apply_edits(tree, edits, names)
    after = {
        "parent": done.tree.parent.tolist(),
        "height": done.tree.height.tolist(),
        "leaves": done.leaves.tolist(),
        "origin": done.origin.tolist(),
        "names": [[node, done.node_names[node]] for node in sorted(done.node_names)],
    }
    cases = [{**given, "edits": edits, "after": after}]
    if wrong is not None and number % 2:
        cases.append({**given, "edits": wrong, "error": True})
    return cases


def some_tree(draw: random.Random, n: int, most: int, ties: float, single: bool, lopsided: bool) -> Tree:
    parent, height, waiting = [-1] * n, [0.0] * n, list(range(n))
    while len(waiting) > 1:
        count = most if most == n else draw.randrange(1 if single else 2, most + 1)
        picked = [waiting.pop()] if lopsided and waiting[-1] >= n else []
        while waiting and len(picked) < count:
            picked.append(waiting.pop(draw.randrange(len(waiting))))
        for child in picked:
            parent[child] = len(parent)
        step = 0.0 if draw.random() < ties else draw.random()
        height.append(max(height[child] for child in picked) + step)
        waiting.append(len(parent))
        parent.append(-1)
    return Tree(parent, height)


def some_edit(draw: random.Random, op: str, now: Tree, origin: np.ndarray, before: Tree) -> dict[str, Any]:
    """An edit that is likely, not sure, to be possible; ids are those before the edits."""
    inner = list(range(len(now), now.n_nodes)) or [0]
    node = draw.choice(inner)

    def some(pool: list[int], most: int) -> list[int]:
        picked = draw.sample(pool, min(len(pool), draw.randrange(1, most + 1)))
        return [int(origin[one]) for one in picked]

    def below(top: int) -> list[int]:
        found = [top]
        for one in found:
            found += now.children(one).tolist()
        return sorted(found[1:])

    edit: dict[str, Any] = {"op": op}
    if op == "rename":
        return {**edit, "node": int(origin[draw.randrange(now.n_nodes)]), "name": draw.choice(NAMES)}
    if op == "dissolve":
        return {**edit, "node": int(origin[node])}
    if op == "move":
        return {**edit, "node": int(origin[draw.randrange(now.n_nodes)]), "to": int(origin[node])}
    if op == "merge":
        node = draw.choice([wide for wide in inner if len(now.children(wide)) > 2] or inner)
        edit["nodes"] = some(now.children(node).tolist(), 4) if len(now) > 1 else [0]
    elif op == "split":
        edit |= {"node": int(origin[node]), "nodes": some(below(node) or [node], 3)}
    else:
        edit["nodes"] = some(list(range(now.n_nodes)), 3 if op == "drop" else 5)
    if draw.random() < 0.05:
        edit["nodes"] = [*edit["nodes"], draw.randrange(before.n_nodes)]  # may be gone, or twice
    if op in ("merge", "split") and draw.random() < 0.5:
        edit["name"] = draw.choice(NAMES)
    return edit


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text(), encoding="utf-8", newline="\n")
