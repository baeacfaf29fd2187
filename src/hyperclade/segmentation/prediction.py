"""Masks of images at every level of the learned hierarchy, with overlays and the hierarchy of clusters."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import ImageRows, Pictures, resized
from hyperclade.data.masks import MaskedSet
from hyperclade.data.sets import content_digest
from hyperclade.data.store import claim
from hyperclade.environment import IntArray
from hyperclade.learning.module import evaluating
from hyperclade.learning.painting import (
    OVERLAY,
    class_colours,
    legend,
    likeliest,
    mark_of,
    mask_paths,
    overlay,
    read_mask,
    write_picture,
)
from hyperclade.learning.settings import plain
from hyperclade.progress import Progress, tracked
from hyperclade.report.outcome import Outcome
from hyperclade.segmentation.crf import CRF
from hyperclade.segmentation.evaluation import pixel_clusters, pixel_shares
from hyperclade.segmentation.levels import Levels, learned_levels
from hyperclade.segmentation.module import Segmentation
from hyperclade.segmentation.prepare import mirrored_features
from hyperclade.segmentation.protocol import PROTOCOLS
from hyperclade.segmentation.segments import Truth, segments_outcome
from hyperclade.segmentation.sources import SIDE, ImageSet
from hyperclade.trees.taxonomy import Taxonomy

LEGEND, TAXONOMY = "clusters.json", "taxonomy.csv"
_LEVEL = ".level-{}.png"
_LONGEST = 4 * SIDE  # of what the network sees: narrower strips are widened
_REFINED = 1024  # longest side of what the random field refines, and of views in overlays


def write_segments(
    folder: str | os.PathLike,
    module: Segmentation,
    images: ImageRows | Pictures,
    ids: Sequence[str],
    *,
    segments: int | None = None,
    crf: bool = False,
    reserved: Collection[Path] = (),
    progress: Progress | None = None,
) -> list[Path]:
    """Write clusters of every pixel, as masks and beside the images, which keep their sizes.

    The network sees an image with a shorter side of 320 pixels, and its mirror image; products of codes and
    centres are brought to the image's pixels. The folder, which is new, empty or that of an earlier call like
    this, gets

    - `ID.png`: the clusters of the method, as they are evaluated, or the `segments`;
    - `ID.level-1.png`, …: those of each level of the learned hierarchy, coarse to fine, nested;
    - `ID.overlay.png`: the image, and it under the colours of each of these masks;
    - `clusters.json`: name and colour of the clusters of each kind of mask by their values;
    - `taxonomy.csv`: the way down to each of the finest clusters, in the order of their values, so that
      `read_taxonomy` gives the taxonomy whose i-th leaf is the value i of the last level's masks.

    Masks are palette PNG, or of 16 bits where there are more than 256 clusters. Of ids that are paths to
    other folders, the part below those counts. What an interrupted call has made of the same image is kept.

    Parameters
    ----------
    folder : path
    module : Segmentation
        Trained.
    images : ImageRows or Pictures
    ids : n str
    segments : int, optional
        Merge the finest clusters along the learned tree to so many, in place of the method's own clusters.
    crf : bool
        Refine the method's clusters by the conditional random field.
    reserved : collection of Path
        Files in the folder that are written otherwise.
    progress : callable, optional

    Returns
    -------
    list of Path
        The masks `ID.png`.

    Raises
    ------
    ValueError
        `segments` out of range, or with `crf`; before anything is written, where the folder is a file, or
        holds other files or masks of another run or of other options, two ids give one file, or a file would
        replace an image or what no earlier call has written.
    """
    net, folder = module.net, Path(folder)
    run = _digest(module)
    levels = learned_levels(module.net)
    n_finest = len(levels.centres)
    if segments is not None and crf:
        raise ValueError("the random field refines the method's own clusters: leave out segments, or crf")
    if segments is not None and not 1 <= segments <= n_finest:
        raise ValueError(f"segments must be between 1 and {n_finest}, the finest clusters, got {segments}")
    centres = net.centres()
    finest = torch.from_numpy(levels.centres).float().to(centres)
    first = _own(centres) if segments is None else _merged(levels, segments)
    kinds = [first, *_of_levels(levels)]
    targets = mask_paths(
        folder,
        ids,
        images,
        ours=lambda path: mark_of(path) is not None,
        endings=[*(kind.ending for kind in kinds[1:]), OVERLAY],
        reserved=reserved,
    )
    told = {"masks": {kind.name: legend(kind.names, kind.colours) for kind in kinds}}
    claim(
        folder, LEGEND, {"run": run, "segments": segments, "crf": crf, **told}, what="prediction",
        advice="choose another folder", completed=lambda found: found | told,  # which follows from the rest
    )  # fmt: skip
    with atomic_write(folder / TAXONOMY, "w") as table:
        table.write("\n".join(["path", *levels.names()[-1]]) + "\n")
    for row, path in enumerate(tracked(targets, "masking", progress)):
        pixels = images.read([row])[0]
        mark = content_digest([run, str(pixels.shape)], [pixels])[:16]
        files = [path, *(path.with_suffix(kind.ending) for kind in kinds[1:]), path.with_suffix(OVERLAY)]
        if all(mark_of(file) == mark for file in files):
            continue
        with evaluating(module), torch.no_grad():
            codes = _codes(module, pixels)
            of_levels = pixel_clusters(codes, finest, pixels.shape[1:])[0]
            own = of_levels
            if crf:
                own = _refined(module, codes, centres, pixels)
            elif segments is None:
                own = pixel_clusters(codes, centres, pixels.shape[1:])[0]
        masks = [first.of(own), *(kind.of(of_levels) for kind in kinds[1:])]
        for file, mask, kind in zip(files, masks, kinds, strict=False):
            write_picture(file, mask, kind.colours, mark=mark)
        write_picture(files[-1], _views(pixels, masks, kinds), mark=mark)
    return targets


def written_hierarchy(
    module: Segmentation, masks: Sequence[Path], samples: ImageSet | MaskedSet, *, title: str = ""
) -> Outcome:
    """The hierarchy over the segments in masks that `write_segments` has written of samples.

    Where the samples have masks of classes, segments are labelled by their majority.
    """
    levels, truth = learned_levels(module.net), None
    if isinstance(samples, MaskedSet):
        known = (samples.masks.read([row])[0] for row in range(len(samples)))
        truth = Truth(known, [samples.taxonomy.names[node] for node in samples.class_nodes.tolist()])
    finest = (read_mask(level_path(path, len(levels.labels))) for path in masks)
    return segments_outcome(levels, finest, samples.ids, truth=truth, title=title)


def level_path(mask: Path, level: int) -> Path:
    """The mask of a level, from 1 on, beside that of an image.

    >>> level_path(Path("a/b.png"), 2).name
    'b.level-2.png'
    """
    return mask.with_suffix(_LEVEL.format(level))


@dataclass(frozen=True, eq=False)
class _Kind:
    """A kind of mask: what files end in, names and colours of its values, and the value of each cluster."""

    name: str
    ending: str
    names: Sequence[str]
    colours: np.ndarray
    values: IntArray | None = None

    def of(self, clusters: np.ndarray) -> np.ndarray:
        return clusters if self.values is None else self.values[clusters]


def _own(centres: Tensor) -> _Kind:
    """The method's clusters, of which those with near centres look alike."""
    names = [str(k) for k in range(len(centres))]
    order = Levels.of(centres.double().cpu().numpy(), []).tree.leaf_order
    colours = np.empty((len(order), 3), np.uint8)
    colours[order] = _flat_colours(len(order))
    return _Kind("clusters", ".png", names, colours)


def _merged(levels: Levels, k: int) -> _Kind:
    """The finest clusters merged to k, which are numbered so that near ones look alike."""
    return _Kind("segments", ".png", [str(s) for s in range(k)], _flat_colours(k), levels.tree.cut(k))


def _of_levels(levels: Levels) -> list[_Kind]:
    taxonomy, names = levels.taxonomy(), levels.names()
    colours = class_colours(taxonomy, np.array([taxonomy.index(name) for name in names[-1]]))
    kinds = []
    for level, (labels, called) in enumerate(zip(levels.labels, names, strict=True), 1):
        nodes = [taxonomy.index(name) for name in called]
        kinds.append(_Kind(f"level-{level}", _LEVEL.format(level), called, colours[nodes], labels))
    return kinds


def _flat_colours(k: int) -> np.ndarray:
    return class_colours(Taxonomy([str(c) for c in range(k)], [[]] * k), np.arange(k))


def _digest(module: Segmentation) -> str:
    """Of recipe and weights."""
    state = module.net.state_dict()
    arrays = [of.detach().cpu().numpy() for of in state.values()]
    return content_digest([json.dumps(plain(module.recipe), sort_keys=True), *state], arrays)[:16]


def _codes(module: Segmentation, pixels: np.ndarray) -> Tensor:
    """Codes `(1, n_code, h', w')` of an image `(3, h, w)`."""
    size = pixels.shape[1:]
    factor = SIDE / min(size)
    seen = resized(pixels, (min(_LONGEST, round(size[0] * factor)), min(_LONGEST, round(size[1] * factor))))
    features = mirrored_features(module.net.patches, torch.from_numpy(seen.copy())[None])
    return module.codes(torch.from_numpy(features).to(module.device))


def _refined(module: Segmentation, codes: Tensor, centres: Tensor, pixels: np.ndarray) -> np.ndarray:
    """Clusters by the random field, which sees very large images at a smaller size."""
    sharpness = PROTOCOLS.get(module.recipe.method.name, PROTOCOLS["strict"]).sharpness
    size = _bounded(pixels.shape[1:])
    shares = CRF()(pixel_shares(codes, centres, size, sharpness)[0], resized(pixels, size))
    return likeliest(torch.from_numpy(shares)[None], pixels.shape[1:])[0].numpy()


def _views(pixels: np.ndarray, masks: Sequence[np.ndarray], kinds: Sequence[_Kind]) -> np.ndarray:
    (h, w), (high, wide) = pixels.shape[1:], _bounded(pixels.shape[1:])
    seen = np.ix_(np.arange(high) * h // high, np.arange(wide) * w // wide)
    image = resized(pixels, (high, wide)).transpose(1, 2, 0)
    return overlay(image, [kind.colours[mask[seen]] for mask, kind in zip(masks, kinds, strict=True)])


def _bounded(size: Sequence[int]) -> tuple[int, int]:
    factor = min(1.0, _REFINED / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
