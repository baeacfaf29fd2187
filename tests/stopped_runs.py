"""What tests of runs share: a stop after some step, and whether two runs ended alike."""

import pytorch_lightning as lightning
import torch


class Stop(lightning.Callback):
    """Ends the process's work after a step, as a kill would."""

    def __init__(self, step, error=SystemExit):
        self.step, self.error = step, error

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise self.error("stopped")


def assert_same_state(a, b):
    assert a.state_dict().keys() == b.state_dict().keys()
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name
