"""Jobs of the self-labelling benchmark in processes of their own: cost of relabelling, full-size run."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hyperclade.selflabel import preset
from hyperclade.selflabel.config import MODALITIES, Encoders
from hyperclade.selflabel.module import SelfLabelling
from hyperclade.selflabel.network import CrossModalNet
from measure import measured

_BATCH = 4  # of the full-size run
_SECONDS_AFTER_CHECKPOINT = 10.0  # until the full-size run is killed
_STEPS = 4  # of the full-size network that are timed for the length of an epoch


def relabelling_cost(
    n_rows: int, n_clusters: int, n_heads: int, measured_heads: int, seed: int = 0
) -> dict[str, Any]:
    """Seconds and memory to renew all labels of the full-size sHHC from stored features, and of an epoch.

    The features are a mixture of Gaussians, 512 numbers per modality, as L3-Net gives. Heads are labelled one
    after the other, so a few are measured. Extraction and the epoch are estimated from a few steps of the
    full-size towers on inputs of the full size.
    """
    recipe = preset("shhc", seed=seed)
    recipe.system.n_clusters, recipe.system.n_heads = n_clusters, measured_heads
    rng = np.random.default_rng(seed)
    centre_of = rng.integers(0, n_clusters, n_rows)
    features = {}
    for modality in MODALITIES:
        centres = rng.normal(size=(n_clusters, 512)).astype(np.float32)
        rows = rng.normal(size=(n_rows, 512)).astype(np.float32)
        rows += centres[centre_of]
        features[modality] = torch.from_numpy(np.maximum(rows, 0, out=rows))
    module = SelfLabelling(recipe, n_pairs=n_rows).eval()
    own = np.arange(n_rows)

    def label(first: bool) -> None:
        for head in range(measured_heads):
            module._relabel_head(head, features, own, seed + head, first=first, last=False)

    with torch.no_grad():
        _, cost_first = measured(lambda: label(True))
        _, cost_later = measured(lambda: label(False))
    sizes = torch.bincount(module.labels_joint[0].long(), minlength=n_clusters).numpy()
    return {
        "n_rows": n_rows,
        "n_clusters": n_clusters,
        "n_heads": n_heads,
        "measured_heads": measured_heads,
        "first": cost_first,
        "later": cost_later,
        "matrix_gib_float32": n_rows * n_clusters * 4 / 2**30,
        "sizes": {"least": int(sizes.min()), "most": int(sizes.max())},
        "towers": epoch_seconds(n_rows),
    }


def epoch_seconds(n_rows: int, batch: int = 4) -> dict[str, float]:
    """Seconds per pair, for training and extraction alone, of the full-size towers; per epoch of n_rows."""
    net = CrossModalNet(preset("shhc").system, Encoders(), frame_channels=3)
    frames, sounds = torch.rand(batch, 1, 3, 224, 224), torch.randn(batch, 1, 257, 99)

    def step() -> None:
        loss = net.features("vision", frames).square().mean() + net.features("audio", sounds).square().mean()
        loss.backward()

    def extract() -> None:
        with torch.no_grad():
            net.features("vision", frames), net.features("audio", sounds)

    found = {}
    for name, call in (("training", step), ("extraction", extract)):
        call()
        began = time.perf_counter()
        for _ in range(_STEPS):
            call()
        found[f"{name}_seconds_a_pair"] = (time.perf_counter() - began) / _STEPS / batch
    return found | {
        "training_epoch_seconds": found["training_seconds_a_pair"] * n_rows,
        "extraction_seconds": found["extraction_seconds_a_pair"] * n_rows,
    }


def full_size_run(cache: str, copies: int = 2) -> dict[str, Any]:
    """`train selflabel --config shhc` on media files, killed in the middle and resumed by the command."""
    from hyperclade.data.samples import data_home

    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "clips.csv"
    clips = sorted((data_home() / "clips").glob("*.mp[g4]"))
    lines = [
        f"{clip},{start},{start + 1.5},{'grid' if clip.suffix == '.mpg' else clip.stem}"
        for clip in clips
        for start in np.linspace(0, 1.2, copies).round(2)
    ]
    table.write_text("\n".join(["path,start,end,label", *lines]) + "\n", encoding="utf-8")
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [
        sys.executable, "-m", "hyperclade.cli.main", "train", "selflabel", "--config", "shhc",
        "--data", str(table), "--media.cache", str(folder / "decoded"), "--out", str(out),
        "--system.n_clusters", "4", "--system.n_relabellings", "3",
        "--training.warmup_epochs", "1", "--training.epochs", "2", "--training.checkpoint_every", "2",
        "--training.batch_size", str(_BATCH),
    ]  # fmt: skip
    runs = []
    for kill_at in (True, False):
        began, peak, seen = time.perf_counter(), 0.0, None
        with open(folder / "said.txt", "w+", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            while process.poll() is None:
                peak = max(peak, _peak_mib(process.pid))
                if kill_at and seen is None and (out / "last.ckpt").exists():
                    seen = time.perf_counter()
                if seen is not None and time.perf_counter() - seen > _SECONDS_AFTER_CHECKPOINT:
                    process.send_signal(signal.SIGKILL)
                time.sleep(0.2)
            log.seek(0)
            said = log.read()
        runs.append(
            {
                "killed": process.returncode == -signal.SIGKILL,
                "exit": process.returncode,
                "seconds": time.perf_counter() - began,
                "peak_mib": peak,
                "resumed": "Resuming" in said,
            }
        )
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    steps = history[-1]["step"] - history[-2]["step"]
    return {
        "clips": len(lines),
        "settings": command[5:],
        "runs": runs,
        "history": history,
        "clips_a_second": steps * _BATCH / history[-1]["seconds"],
    }


def _peak_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0
