"""The network of a self-labelling run: tower per modality, correspondence head, multi-head per lesson."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from hyperclade.encoders.backbone import Backbone, backbone_from, load_backbone
from hyperclade.encoders.heads import MultiHead, ball_log_posterior, euclidean_log_posterior
from hyperclade.encoders.l3net import L3Net
from hyperclade.selflabel.config import Encoders, Modality, System

_BLOCK_ROWS = 4096


class CrossModalNet(nn.Module):
    """Towers for frames and, if there are any, sounds, and the heads that the system's lessons need.

    Shapes of features are `(b, d)`; a log-posterior is `(H, b, K)`, of one head `(b, K)`. Towers of which
    there are blueprints come without weights.

    Attributes
    ----------
    blueprints : dict of str to dict or None
        Of the pretrained towers.
    towers
        Networks by modality, `(b, c, h, w) float` → features `(b, d)`.
    correspondence
        Concatenated features → 128 → 2 (L3); only with both modalities.
    heads
        Networks by "student_lesson", features → `(H, b, out)`.
    positions : (H, K, dim) float64
        As `positions_NAME`: buffers by modality with hierarchy, parameters by lesson without.
    """

    def __init__(
        self,
        system: System,
        encoders: Encoders,
        frame_channels: int,
        blueprints: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self.system = system
        known = blueprints or {}
        given: dict[Modality, tuple[str | None, int]] = {
            "vision": (encoders.vision, frame_channels),
            "audio": (encoders.audio, 1),
        }
        towers: dict[str, nn.Module] = {
            m: _tower(m, *given[m], encoders, known.get(m)) for m in system.modalities
        }
        self.towers = nn.ModuleDict(towers)
        self.blueprints = {m: tower.blueprint for m, tower in towers.items() if isinstance(tower, Backbone)}
        width = {modality: self.width(modality) for modality in system.modalities}
        if len(width) == 2:
            self.correspondence = nn.Sequential(
                nn.Linear(sum(width.values()), 128), nn.ReLU(), nn.Linear(128, 2)
            )
        out = system.n_clusters if system.geometry == "simplex" else system.dim
        self.heads = nn.ModuleDict(
            {
                f"{student}_{lesson}": MultiHead(
                    width[student], out, n_heads=system.n_heads, hidden=system.hidden, dropout=system.dropout
                )
                for student, lesson in system.lessons
            }
        )
        shape = (system.n_heads, system.n_clusters, system.dim)
        if system.hierarchy:
            for modality in system.modalities:
                self.register_buffer(f"positions_{modality}", torch.zeros(shape, dtype=torch.float64))
        elif system.geometry != "simplex":
            for student, lesson in system.lessons:
                free = nn.functional.normalize(torch.randn(shape), dim=-1) * (system.radius / 2)
                self.register_parameter(f"positions_{student}_{lesson}", nn.Parameter(free))

    def width(self, modality: Modality) -> int:
        """Length of a modality's feature vectors."""
        return cast(int, self.towers[modality].out_features)

    def head(self, student: Modality, lesson: str) -> MultiHead:
        """The heads of one lesson."""
        return cast(MultiHead, self.heads[f"{student}_{lesson}"])

    def features(self, modality: Modality, inputs: Tensor) -> Tensor:
        """Features `(b, d)` of frames `(b, f, c, h, w)`, their mean, or of sounds `(b, 1, bins, steps)`."""
        tower = self.towers[modality]
        if modality == "audio":
            return tower(inputs)
        return tower(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]).mean(1)

    def corresponds(self, vision: Tensor, audio: Tensor) -> Tensor:
        """Logits `(b, 2)` of "no" and "yes": do this frame and this sound belong together?"""
        return self.correspondence(torch.cat([vision, audio], dim=1))

    def log_posterior(self, student: Modality, lesson: str, features: Tensor) -> Tensor:
        """`(H, b, K)` of all heads, in training or evaluation mode."""
        return self._scored(student, lesson, self.head(student, lesson)(features), slice(None))

    @torch.no_grad()
    def head_log_posterior(self, student: Modality, features: Tensor, head: int) -> Tensor:
        """`(n, K) float32` of one head: the mean over the student's lessons, in evaluation mode."""
        parts = []
        lessons = [lesson for who, lesson in self.system.lessons if who == student]
        for block in features.split(_BLOCK_ROWS):
            scores = [
                self._scored(student, lesson, self.head(student, lesson).head(block, head), head)
                for lesson in lessons
            ]
            parts.append(torch.stack(scores).mean(0).float())
        return torch.cat(parts)

    def _scored(self, student: Modality, lesson: str, outputs: Tensor, heads: slice | int) -> Tensor:
        geometry = self.system.geometry
        if geometry == "simplex":
            return torch.log_softmax(outputs.float(), dim=-1)
        if self.system.hierarchy:
            positions = getattr(self, f"positions_{lesson}")[heads]
        else:
            positions = getattr(self, f"positions_{student}_{lesson}")[heads].double()
        temperature = self.system.temperature
        if geometry == "euclidean":
            return euclidean_log_posterior(outputs, positions, temperature=temperature)
        if not self.system.hierarchy:
            from hyperclade.geometry.ball import exp0

            positions = exp0(positions)
        return ball_log_posterior(outputs, positions, temperature=temperature)

    def permute_clusters(self, student: Modality, lesson: str, head: int, order: Iterable[int]) -> None:
        """Give the clusters of one head new numbers: cluster `order[i]` becomes i."""
        index = torch.as_tensor(list(order))
        with torch.no_grad():
            if self.system.geometry == "simplex":
                module = self.head(student, lesson)
                module.weight[head] = module.weight[head][:, index]
                module.bias[head] = module.bias[head][:, index]
            else:
                positions = getattr(self, f"positions_{student}_{lesson}")
                positions[head] = positions[head][index]


def _tower(
    modality: Modality,
    name: str | None,
    in_channels: int,
    encoders: Encoders,
    blueprint: dict[str, Any] | None,
) -> nn.Module:
    if name is None:
        return L3Net(in_channels, encoders.channels)
    return load_backbone(name, modality) if blueprint is None else backbone_from(blueprint)
