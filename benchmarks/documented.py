"""The commands whose output README and docs show: runs them, and keeps what they print.

    python benchmarks/documented.py [SECTION...]  # discover, wine, recognition, segmentation, …

Needs `pip install -e '.[learn]'`, and the data folder (HYPERCLADE_DATA) for recognition, selflabel and
tutorial. A section replaces its own results and leaves the others. `tests/benchmarks/test_documented.py`
holds the documents against them.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.datasets import load_wine

from measure import save_section, setting

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "documented.json"
PACKAGES = ("hyperclade", "numpy", "scipy", "scikit-learn", "numba", "torch", "pytorch-lightning")
EDITS = ROOT / "benchmarks" / "tutorial_edits.json"  # of the tree that the tutorial finds
WIDTH = 110  # characters of a terminal, in which no line is cut short

COMMANDS = {
    "discover": ["discover --out demo"],
    "wine": [
        "discover wine.csv --scale minmax --cut 3 --levels 2,10 --save-model --out result",
        "assign result new.csv --cut 3 --out new_labels.csv",
    ],
    "recognition": [
        "train recognition --config hvsa --config imclef07a --out run",
        "evaluate recognition run --data imclef07a",
        "train recognition --config hvsa --config imclef07a --training.epochs 2 --out small-run",
        "evaluate recognition small-run --data imclef07a",
    ],
    "segmentation": [
        "train segmentation --config stego-lite0 --config omh --config mosaics --out run",
        "evaluate segmentation run --data mosaics",
        "predict segmentation run mosaics --out masks",
    ],
    "selflabel": [
        "train selflabel --config shhc --config avdigits --out run",
        "evaluate selflabel run --data avdigits --merge_to 20 10 --export found",
        "discover found/features.npy --out hierarchy",
    ],
    "tutorial": [
        "discover photos/ --out result",
        "apply result edits.json --out corrected",
        "train recognition --config hvsa --data result/features.npy --source.taxonomy corrected/taxonomy.csv"
        " --source.labels '[corrected/classes.parquet]' --training.validation 0.2 --out run",
        "evaluate recognition run --data result/features.npy --source.labels '[corrected/classes.parquet]'",
        "embed new-photos/ --out new.npy --encoder efficientnet-lite0",
        "predict recognition run new.npy --out predictions.csv",
    ],
}
# Of CIFAR-100, of which the tutorial takes some pictures each.
PHOTOS = [
    "bear", "leopard", "tiger", "wolf", "dolphin", "shark", "trout", "whale",
    "bee", "beetle", "butterfly", "spider",
    "orchid", "poppy", "rose", "tulip", "maple_tree", "oak_tree", "palm_tree", "willow_tree",
    "bus", "pickup_truck", "tractor", "train", "chair", "couch", "table", "wardrobe",
    "forest", "mountain", "plain", "sea",
]  # fmt: skip


def main() -> None:
    sections = [*COMMANDS, "install"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)}")
    chosen = parser.parse_args().sections or sections
    if unknown := set(chosen) - set(sections):
        parser.error(f"no section {min(unknown)}; there are {', '.join(sections)}")
    for name in chosen:
        made_on = setting(f"python benchmarks/documented.py {name}", PACKAGES)
        with tempfile.TemporaryDirectory() as folder:
            found = (
                {"mib": core_size(Path(folder))} if name == "install" else {"runs": ran(name, Path(folder))}
            )
        save_section(RESULTS, name, made_on | found)
        print(f"{name}: written to {RESULTS}")


def ran(name: str, folder: Path) -> list[dict[str, Any]]:
    """What each command of a section prints, in a folder with the files that it reads."""
    if name == "wine":
        wine = load_wine(as_frame=True)
        table = wine.data.assign(label=wine.target)
        table.to_csv(folder / "wine.csv", index=False)
        # Wines between two of one cultivar, and one between two cultivars.
        pairs = np.array([[0, 1], [2, 3], [60, 150]])
        new = pd.DataFrame((wine.data.to_numpy()[pairs]).mean(axis=1), columns=wine.data.columns)
        new.to_csv(folder / "new.csv", index=False)
    data = os.environ.get("HYPERCLADE_DATA", str(ROOT.parent / "shared" / "data"))
    if name == "tutorial":
        images = Path(data) / "cifar100" / "test.parquet"
        save_photos(images, folder / "photos")
        save_photos(images, folder / "new-photos", first=30, each=2)
        shutil.copy(EDITS, folder / "edits.json")
    environment = os.environ | {"COLUMNS": str(WIDTH), "HYPERCLADE_DATA": data}
    runs = []
    for command in COMMANDS[name]:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "hyperclade.cli.main", *shlex.split(command)],
            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        printed = [line.rstrip() for line in done.stdout.splitlines()]
        runs.append({"command": command, "seconds": time.perf_counter() - began, "printed": printed})
    return runs


def save_photos(images: Path, folder: Path, first: int = 0, each: int = 30) -> None:
    """Some pictures of some classes as files, in a folder for each class."""
    rows = pq.read_table(images).to_pandas()
    for kind in PHOTOS:
        (folder / kind).mkdir(parents=True)
        for number, image in enumerate(rows["image"][rows["label"] == kind][first : first + each]):
            (folder / kind / f"{number:02}.png").write_bytes(image)


def core_size(folder: Path) -> int:
    """MiB of an environment with the core alone, as pip installs it."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv" / "bin" / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", ROOT]
    subprocess.run(pip, check=True)
    blocks = {(s.st_ino, s.st_blocks) for path in folder.rglob("*") if (s := path.lstat()) and path.is_file()}
    return round(sum(count for _, count in blocks) * 512 / 2**20)


if __name__ == "__main__":
    main()
