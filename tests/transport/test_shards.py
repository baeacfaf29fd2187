"""What processes that divide the rows among themselves agree on."""

import socket

import numpy as np
import pytest

from hyperclade.transport.shards import log_sum_over_processes, own_rows, world

VALUES = np.array([[-1000.0, 1.0, -np.inf], [-1001.0, -np.inf, -np.inf]])


def test_a_process_alone_has_all_rows():
    assert world() == (0, 1)
    assert own_rows(4).tolist() == [0, 1, 2, 3]
    assert log_sum_over_processes(VALUES) is VALUES


def _join(rank, port, results):
    import torch

    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    results[rank] = (log_sum_over_processes(VALUES[rank]).tolist(), world(), own_rows(5).tolist())
    torch.distributed.destroy_process_group()


@pytest.mark.learn
def test_two_processes():
    import torch

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        results = manager.dict()
        workers = [context.Process(target=_join, args=(r, port, results)) for r in (0, 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        for rank in (0, 1):
            log_sums, place, rows = results[rank]
            np.testing.assert_allclose(log_sums, [-1000 + np.log1p(np.exp(-1)), 1.0, -np.inf])
            assert place == (rank, 2) and rows == list(range(rank, 5, 2))
