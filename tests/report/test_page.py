"""What stands in the file of a page, read again without the code that wrote it."""

import base64
import html.parser
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_trees import random_tree, trees

from hyperclade.report import Outcome, Partition, write_page
from hyperclade.report.page import page_text
from hyperclade.report.parts import Parts
from hyperclade.trees import Tree
from hyperclade.trees.tree import canonical_order

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "]]>&amp;&#60;",
    "\"'`${x}\\",
    "javascript:alert(1)",
    "\u202eleft\u200b",
    "\ud800 alone",
    "\0\x1b[31m\r\n\t",
    "",
    "n" * 10_000,
    "猫 🐈",
    "\u2028\u2029",
]


class Page(html.parser.HTMLParser):
    """Elements with an id, and all that is no script of data."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.others, self._open, self.loose = {}, [], None, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        if tag == "script" and (own.get("id") or "").startswith("hc-"):
            self._open = own["id"]
            assert self._open not in self.elements
            self.elements[self._open] = [own, ""]
        else:
            self.others.append((tag, own))

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self.elements[self._open][1] += data
        else:
            self.loose.append(data.strip())

    @property
    def head(self):
        return json.loads(self.elements["hc-head"][1])

    def raw(self, name):
        return base64.b64decode(self.elements[f"hc-{name}"][1], validate=True)

    def numbers(self, block):
        planes = np.frombuffer(zlib.decompress(self.raw(block["id"])), np.uint8)
        dtype = np.dtype(block["dtype"]).newbyteorder("<")
        found = planes.reshape(dtype.itemsize, -1).T.copy().view(dtype).ravel()
        assert block["filter"] == "shuffle" and block["length"] == len(found)
        return found.tolist()

    def strings(self, strings):
        blocks = [json.loads(zlib.decompress(self.raw(name))) for name in strings["ids"]]
        found = [text for block in blocks for text in block]
        assert len(found) == strings["count"] and all(len(block) == strings["per"] for block in blocks[:-1])
        return found


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def compare(outcome, page):
    tree, told = outcome.tree, page.head["trees"][0]
    n, m = tree.n_leaves, tree.n_nodes
    assert (told["n"], told["m"], told["fingerprint"]) == (n, m, tree.fingerprint)
    assert page.numbers(told["parent"]) == tree.parent.tolist()
    heights = np.array(page.numbers(told["height"]), dtype=np.float64)
    assert heights.tobytes() == tree.height[n:].tobytes()
    order = canonical_order(tree.parent, tree.height)[n:].tolist()
    assert (list(range(n, m)) if told["splits"] is None else page.numbers(told["splits"])) == order


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(0, 2**32 - 1))
def test_trees_are_kept_to_the_last_bit(tree, seed):
    rng = np.random.default_rng(seed)
    height = np.zeros(tree.n_nodes)
    for node in range(tree.n_leaves, tree.n_nodes):
        height[node] = height[tree.children(node)].max() + rng.choice([0, 5e-324, 0.1, 1 / 3])
    outcome = Outcome(Tree(tree.parent, height))
    compare(outcome, Page(page_text(outcome)))


def caterpillar(n):
    return Tree.from_merges(np.column_stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)]))


@pytest.mark.parametrize(
    "tree",
    [Tree([-1]), Tree([2, 2, -1]), Tree([3, 3, 3, -1]), Tree([1, 2, -1]), caterpillar(1000)],
    ids=["one leaf", "two", "star", "one leaf below two", "caterpillar"],
)
def test_smallest_and_deepest_trees(tree):
    outcome = Outcome(tree)
    page = Page(page_text(outcome))
    compare(outcome, page)
    head = page.head
    assert head["ids"] is None and head["names"] is None and head["columns"] == [] and not head["labels"]
    tree = head["trees"][0]
    assert [tree[name] for name in ("told", "names", "typical", "borderline", "cost", "parts", "match")] == [
        None
    ] * 7
    assert head["agreement"] is None and head["images"] is None and head["sounds"] is None


@pytest.fixture(scope="module")
def rich():
    rng = np.random.default_rng(0)
    tree = random_tree(200, rng)
    n, inner = 200, np.arange(200, tree.n_nodes)
    nodes = rng.choice(inner, 40, replace=False).tolist()
    texts = np.array([HOSTILE[k % len(HOSTILE)] for k in range(n)], dtype=object)
    labels = np.array([[*HOSTILE, None][k % (len(HOSTILE) + 1)] for k in range(n)], dtype=object)
    layer, asked = (Partition.of(tree, name, tree.cut(k)) for name, k in (("<b>cut</b>", 7), ("cut_4", 4)))
    shares = rng.dirichlet(np.ones(len(inner)))
    return Outcome(
        tree,
        [layer],
        [asked],
        ids=texts,
        names=texts[::-1].copy(),
        labels=labels,
        node_names={node: HOSTILE[node % len(HOSTILE)] for node in nodes},
        shown_names={nodes[0]: "shown"},
        exemplars={node: tree.leaves(node)[:3] for node in nodes[:30]},
        borderline={node: tree.leaves(node)[-2:] for node in nodes[10:]},
        cost_shares=shares,
        parts=Parts(tree.cut_nodes(5), rng.normal(size=(len(tree.cut_nodes(5)), 4)).astype(np.float32)),
        values={
            "</script>": rng.normal(size=n),
            "whole": np.arange(n),
            "gaps": np.where(np.arange(n) % 2, np.nan, np.inf),
            "huge": np.full(n, 1e300),
            "kind": np.array(["a", None, "<i>", "a"] * 50, dtype=object),
            "many": np.array([f"own {row}" for row in range(n)], dtype=object),
            "switch": np.arange(n) % 3 == 0,
        },
        title="<h1>title</h1>\n</script>subtitle",
    )


def test_all_that_is_told_is_there(rich, tmp_path):
    write_page(tmp_path / "x.html", rich)
    page = read(tmp_path / "x.html")
    compare(rich, page)
    head = page.head
    assert (head["format"], head["version"]) == ("hyperclade-page", 1)
    assert (head["title"], head["subtitle"]) == ("<h1>title</h1>", "</script>subtitle")
    assert (
        page.strings(head["ids"]) == rich.ids.tolist() and page.strings(head["names"]) == rich.names.tolist()
    )
    tree = head["trees"][0]
    told = page.numbers(tree["told"])
    assert told == sorted({*rich.node_names, *rich.exemplars, *rich.borderline})
    named = {**rich.shown_names, **rich.node_names}
    assert page.strings(tree["names"]) == [named.get(node, "") for node in told]
    for kind, rows in (("typical", rich.exemplars), ("borderline", rich.borderline)):
        table = np.array(page.numbers(tree[kind]["block"])).reshape(len(told), tree[kind]["width"])
        for node, own in zip(told, table.tolist(), strict=True):
            expected = [int(leaf) for leaf in rows.get(node, ())]
            assert own == expected + [-1] * (len(own) - len(expected))
    assert page.numbers(tree["cost"]) == rich.cost_shares.astype(np.float32).tolist()
    assert page.numbers(tree["parts"]["nodes"]) == rich.parts.nodes.tolist()
    rows = np.array(page.numbers(tree["parts"]["rows"])).reshape(-1, tree["parts"]["dim"])
    assert rows.tolist() == rich.parts.rows.tolist()
    cuts = {len(own.nodes): own.column for own in (*rich.layers, *rich.cuts)}
    assert tree["layers"] == [{"title": title, "k": k} for k, title in sorted(cuts.items())]


def test_columns_are_the_labels_and_then_the_values(rich):
    page = Page(page_text(rich))
    columns = {own["title"]: own for own in page.head["columns"]}
    assert page.head["columns"][0]["title"] == "label" and page.head["labels"]
    label = columns["label"]
    values, codes = page.strings(label["values"]), page.numbers(label["codes"])
    assert [None if code < 0 else values[code] for code in codes] == rich.labels.tolist()
    assert page.numbers(columns["</script>"]["codes"]) == rich.values["</script>"].astype(np.float32).tolist()
    assert page.numbers(columns["whole"]["codes"]) == list(range(200))
    assert np.isnan(page.numbers(columns["gaps"]["codes"])).all()
    assert np.isnan(page.numbers(columns["huge"]["codes"])).all()
    kind = columns["kind"]
    assert page.strings(kind["values"]) == ["a", "<i>"] and page.numbers(kind["codes"])[:4] == [0, -1, 1, 0]
    assert page.strings(columns["switch"]["values"]) == ["True", "False"]


def test_a_page_beside_another_tree_says_how_nodes_agree(rich):
    page = Page(page_text(rich, beside=rich))
    one, two = page.head["trees"]
    assert one["title"] == two["title"] == rich.title.partition("\n")[2]
    assert page.head["agreement"] == {"mean": 1.0} and one["parent"] != two["parent"]
    assert page.numbers(one["match"]) == [1.0] * (one["m"] - one["n"]) == page.numbers(two["match"])


def test_no_column_is_called_as_another_or_as_what_the_page_has():
    titles = dict.fromkeys(("label", "branch", "layer", "layer (column)"), np.arange(2))
    outcome = Outcome(Tree([2, 2, -1]), labels=np.array(["a", "b"], dtype=object), values=titles)
    told = [own["title"] for own in Page(page_text(outcome)).head["columns"]]
    own = ["label", "label (column)", "branch (column)", "layer (column)", "layer (column) (column)"]
    assert told == own


def test_partitions_that_are_no_cuts_are_columns():
    tree = Tree([6, 6, 7, 7, 8, 8, 9, 9, 10, 10, -1], height=[0] * 6 + [1, 2, 3, 4, 5])
    uneven = Partition.of(tree, "by hand", [0, 1, 2, 2, 3, 3])
    cut = Partition.of(tree, "layer_3", tree.cut(3))
    page = Page(page_text(Outcome(tree, [cut, uneven], node_names={7: "seven"})))
    assert page.head["trees"][0]["layers"] == [{"title": "layer_3", "k": 3}]
    (column,) = page.head["columns"]
    assert column["title"] == "by hand" and page.numbers(column["codes"]) == [0, 1, 2, 2, 3, 3]
    assert page.strings(column["values"]) == ["0", "1", "seven", "3"]


def test_nothing_of_the_data_is_markup(rich):
    page, empty = Page(page_text(rich)), Page(page_text(Outcome(Tree([-1]))))
    assert page.others == empty.others
    assert [text for text in page.loose if text] == [text for text in empty.loose if text]
    for name, (_, text) in page.elements.items():
        assert "<" not in text and ">" not in text and "&" not in text, name
    assert page.elements["hc-head"][0]["type"] == "application/json"
    kinds = {own["type"] for name, (own, _) in page.elements.items() if name != "hc-head"}
    assert kinds == {"text/plain"}
    assert all(text.isascii() for _, text in page.elements.values())


def test_what_is_left_out_for_its_size_is_said(monkeypatch):
    monkeypatch.setattr("hyperclade.report.page._MOST_VALUES", 8)
    values = {name: np.arange(4) for name in ("a", "b", "c")}
    lines = []
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    many = np.array([f"{k}" for k in range(4)], dtype=object)
    monkeypatch.setattr("hyperclade.report.page._MOST_CATEGORIES", 3)
    page = Page(page_text(Outcome(tree, values={"many": many, **values}), say=lines.append))
    assert [own["title"] for own in page.head["columns"]] == ["a", "b"]
    assert lines == ["2 columns left out of the page, for its size: many, c"]


def test_many_strings_stand_in_blocks():
    n = 20_000
    names = np.array([f"name {k}" for k in range(n)], dtype=object)
    ids = np.arange(n)
    page = Page(page_text(Outcome(Tree([n] * n + [-1]), names=names, ids=ids)))
    assert len(page.head["names"]["ids"]) == 3 and page.strings(page.head["names"]) == names.tolist()
    assert page.head["ids"] is None  # numbers of rows say nothing


def test_missing_names_are_empty():
    names = np.array(["a", None, np.nan], dtype=object)
    page = Page(page_text(Outcome(Tree([3, 3, 3, -1]), names=names, ids=np.array([5, 6, 7]))))
    assert page.strings(page.head["names"]) == ["a", "", ""]
    assert page.strings(page.head["ids"]) == ["5", "6", "7"]


def test_facts_are_of_the_outcome_and_its_scores():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    kinds = Partition.of(tree, "layer_2", [0, 0, 1, 1])
    labels = np.array(["cat", "cat", "oak", "oak"], dtype=object)
    facts = {"rows": 4, "features": 3, "dtype": "float32", "similarity": "knn", "cost": 7.0, "score": 0.5}
    outcome = Outcome(tree, [kinds], labels=labels, facts=facts, seconds={"tree": 1.5})
    told = dict(Page(page_text(outcome)).head["facts"])
    assert told["rows × features"] == "4 × 3 (float32)" and told["time"] == "1.5 s"
    assert told["labels"] == "Against 2 classes of labels: dendrogram purity 1.0000"
    assert told["layer_2"].startswith("NMI 1.000, AMI 1.000, ARI 1.000")
    lines = []
    broken = Outcome(tree, facts={**facts, "cost": "dear", "rows": [1]})
    assert Page(page_text(broken, say=lines.append)).head["facts"] == [] and len(lines) == 1


def test_a_page_appears_whole_or_not_at_all(tmp_path, rich):
    target = tmp_path / "x.html"
    target.write_text("before")

    class Broken:
        def of(self, *_):
            raise RuntimeError("no more")
            yield

    with pytest.raises(RuntimeError):
        write_page(target, rich, media=Broken())
    assert target.read_text() == "before" and [path.name for path in tmp_path.iterdir()] == ["x.html"]
    write_page(target, rich)
    assert target.read_text(encoding="utf-8") == page_text(rich)


def test_a_page_of_many_leaves_is_small():
    n = 50_000
    rng = np.random.default_rng(0)
    merges, alive = [], list(range(n))
    for made in range(n, 2 * n - 1):
        at = int(rng.integers(len(alive) - 1))
        merges.append((alive.pop(), alive[at]) if at < len(alive) - 1 else (alive.pop(), alive[-1]))
        alive[at] = made
    tree = Tree.from_merges(merges, np.sort(rng.lognormal(size=n - 1)))
    names = np.array([f"photo of {word}" for word in rng.integers(0, 10**6, n)], dtype=object)
    assert len(page_text(Outcome(tree, names=names))) < 5 * 2**20
