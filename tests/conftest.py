"""Tensors of tests are small: a second thread costs more than it gives, and much more on a busy machine."""

import torch

torch.set_num_threads(1)
