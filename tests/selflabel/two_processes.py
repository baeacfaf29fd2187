"""Script of one of several processes: short runs, then labels of given weights, written to a folder.

torchrun --standalone --nproc_per_node 2 two_processes.py FOLDER SYSTEM …
"""

import os
import sys
from pathlib import Path

import torch
from planted import planted_pairs, recipe
from torch import distributed

from hyperclade.selflabel import train
from hyperclade.selflabel.module import SelfLabelling


def labelled(name):
    """State after two labellings of an untrained network; an odd number of pairs makes unequal shares."""
    module = SelfLabelling(recipe(name), planted_pairs(201))
    module._reset_heads = lambda: None  # needs an optimizer
    # The first process's statistics must win.
    if distributed.is_initialized() and distributed.get_rank() > 0:
        module.net.towers["vision"].blocks[1].running_mean += 1
    module.relabel(0)
    module.relabel(1)
    return module.state_dict()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    for name in sys.argv[2:]:
        short = recipe(name, devices=2, batch_size=16, epochs=1.0)
        module = train(short, planted_pairs(), folder / f"run_{name}", device="cpu")
        torch.save(module.state_dict(), folder / f"trained_{name}{rank}.pt")
    if not distributed.is_initialized():
        distributed.init_process_group("gloo")
    for name in sys.argv[2:]:
        torch.save(labelled(name), folder / f"labelled_{name}{rank}.pt")
