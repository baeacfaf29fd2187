"""What unsupervised segmentation says of itself as a system that learns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hyperclade.learning.shown import Judgement, Shown
from hyperclade.learning.system import System
from hyperclade.progress import Progress, Say, say_all, say_skipped

if TYPE_CHECKING:
    from hyperclade.data.masks import MaskedSet
    from hyperclade.segmentation.config import Recipe, Source
    from hyperclade.segmentation.module import Segmentation
    from hyperclade.segmentation.prepare import FeatureSet, JudgedSet
    from hyperclade.segmentation.sources import ImageSet


class SegmentationSystem(System):
    """Clusters of places in images without labels: k-means, STEGO, HP, SmooSeg, and OMH on each."""

    name = "segmentation"
    title = "segmentation"
    seeds = (0, 1, 2)
    saved = ("recipe", "blueprint")
    scratch = ("features-*",)
    passing = ("masks",)
    about: ClassVar[dict[str, str]] = {
        "train": "find segments in images without labels, and their hierarchy",
        "evaluate": "judge the segments that were found by masks",
        "predict": "masks of images at every level, overlays, and the hierarchy of segments",
        "reproduce": "compare the methods of the paper's tables",
    }

    def read(
        self,
        data: str,
        split: str | None,
        source: "Source",
        *,
        like: "Segmentation | None" = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> "ImageSet | MaskedSet":
        """Images without labels to learn from, or images with masks to be judged by.

        Parameters
        ----------
        data : str
            camvid, mosaics (textures at three levels, drawn here), cocostuff27, cityscapes27, potsdam3, or a
            folder of images, of any sizes.
        """
        from hyperclade.segmentation.sources import images_to_learn, masked_images

        learning = split == "train" and like is None
        samples: Any = (
            images_to_learn(data, source) if learning else masked_images(data, split or "test", source)
        )
        say_skipped(say, samples.skipped, "images")
        say_all(say, getattr(samples, "remarks", ()))
        return samples

    def learner(self, recipe: "Recipe", samples: "ImageSet") -> "Segmentation":
        """Find segments in images without labels: k-means, STEGO, HP or SmooSeg, with OMH or without.

        No label is looked at; the last state is kept. `--config stego --config omh` lays OMH over STEGO.
        """
        from hyperclade.segmentation.module import Segmentation

        return Segmentation(recipe, samples)

    def restore(self, recipe: "Recipe", settings: dict[str, Any]) -> "Segmentation":
        from hyperclade.segmentation.module import Segmentation

        return Segmentation(recipe, blueprint=settings["blueprint"])

    def prepare(
        self,
        recipe: "Recipe",
        samples: "ImageSet | MaskedSet",
        folder: Path | None,
        *,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> "FeatureSet | JudgedSet":
        """Features of crops to learn from, or of images to be judged by, which the folder keeps."""
        from hyperclade.segmentation.module import method_class
        from hyperclade.segmentation.prepare import prepare_crops, prepare_judged
        from hyperclade.segmentation.sources import ImageSet

        if isinstance(samples, ImageSet):
            method, _ = method_class(recipe.method)
            return prepare_crops(recipe, samples, method, folder, device=device, progress=progress)
        return prepare_judged(recipe, samples, folder, device=device, progress=progress)

    def shares(self, recipe: "Recipe") -> Any:
        from hyperclade.segmentation.module import method_class

        own = recipe.training
        needs = sorted(method_class(recipe.method)[0].needs)
        network = (recipe.backbone.name, recipe.backbone.stride, recipe.backbone.components)
        return (*network, own.side, own.five_crop, own.ratio, own.neighbours, *needs)

    def report(
        self,
        module: "Segmentation",
        samples: "MaskedSet | JudgedSet",
        *,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        from hyperclade.segmentation.evaluation import evaluate
        from hyperclade.segmentation.protocol import protocol_of

        judging = module.recipe.judging
        return evaluate(
            module,
            samples,
            protocol_of(judging.protocol),
            crf=judging.crf,
            level=judging.level,
            progress=progress,
        )

    def describe(self, recipe: "Recipe", samples: "ImageSet") -> str:
        hierarchy, what = recipe.hierarchy, recipe.method.name
        if hierarchy.levels:
            what += " with OMH at " + ", ".join(map(str, hierarchy.sizes(recipe.method.n_clusters)))
        return (
            f"{len(samples):,} images by {recipe.backbone.name}; {what}: "
            f"{recipe.method.n_clusters} clusters, "
            f"{recipe.training.epochs:g} epochs, seed {recipe.seed}\nNo label is read, so nothing is judged."
        )

    def evaluate(
        self,
        module: "Segmentation",
        data: str,
        source: "Source",
        *,
        protocol: str = "strict",
        crf: bool | None = None,
        level: int | None = None,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Judgement:
        """Judge segments by masks: clusters and classes are matched one to one over all images.

        Parameters
        ----------
        data : str
            What training takes, with masks: the test split of a data set by name, or a folder of images with
            `--source.masks`.
        protocol : str
            strict (clusters of k-means on the codes), or stego, hp or smooseg (those of the method's own
            probe, and the random field). All count every labelled pixel.
        crf : bool, optional
            Also refine by the conditional random field; default: as the protocol does. Takes most of the
            time.
        level : int, optional
            Levels of groups above the classes of the masks, which clusters are matched with; default: as the
            recipe says, for most data 0, the classes.
        """
        from hyperclade.segmentation.evaluation import evaluate
        from hyperclade.segmentation.protocol import protocol_of

        chosen = protocol_of(protocol)
        samples: Any = self.read(data, "test", source, like=module, say=say)
        refined = chosen.crf if crf is None else crf
        level = module.recipe.judging.level if level is None else level
        figures = evaluate(module, samples, chosen, crf=refined, level=level, progress=progress)
        return Judgement({"data": data} | figures, _shown(figures))

    def predict(
        self,
        module: "Segmentation",
        inputs: str,
        out: str,
        source: "Source",
        *,
        segments: int | None = None,
        crf: bool = False,
        hierarchy: bool = True,
        progress: Progress | None = None,
        say: Say = print,
    ) -> list[str]:
        """Segment images at every level of the learned hierarchy: masks, overlays, and the segments' tree.

        A call that was stopped goes on when started again alike.

        Parameters
        ----------
        inputs : str
            An image, a folder of images of any sizes, or camvid, mosaics and others by name: their images to
            be judged by, at 320 × 320, as of a folder with `--source.masks`; then segments get labels.
        out : str
            Folder for the masks and overlays, clusters.json, taxonomy.csv, and in `hierarchy` the tree of
            segments with its picture.
        segments : int, optional
            Merge the finest clusters along the learned tree to so many, in place of the method's clusters.
        crf : bool
            Refine the method's clusters by a conditional random field.
        hierarchy : bool
            Write the tree over the segments of all images.
        """
        from hyperclade.report.outcome_folder import FILES
        from hyperclade.segmentation.prediction import write_segments, written_hierarchy
        from hyperclade.segmentation.sources import NAMED, images_to_learn, masked_images

        samples: Any
        if inputs in NAMED or source.masks is not None:
            samples = masked_images(inputs, "test", source)
        else:
            samples = images_to_learn(inputs, source)
        say_skipped(say, samples.skipped, "images")
        tree = Path(out) / "hierarchy"
        reserved = [tree / name for name in FILES] if hierarchy else []
        written = write_segments(
            out, module, samples.images, samples.ids, segments=segments, crf=crf, reserved=reserved,
            progress=progress,
        )  # fmt: skip
        lines = [f"Written to {out}: masks of {len(written):,} images at every level, clusters.json"]
        if not hierarchy:
            return lines
        outcome = written_hierarchy(module, written, samples, title=inputs)
        outcome.write(tree, progress, say)
        lines += [f"{len(outcome.tree):,} segments in {tree}:", *outcome.outline()]
        return lines


def _shown(figures: dict[str, Any]) -> list[Shown]:
    rows = [("clusters", *_percents(figures))]
    if "crf" in figures:
        rows.append(("after the random field", *_percents(figures["crf"])))
    title = (
        f"{figures['n_samples']:,} images, {figures['n_clusters']} clusters matched with "
        f"{figures['n_classes']} classes, protocol {figures['protocol']}"
    )
    shown = [Shown([title], ("", "accuracy", "mIoU"), rows)]
    best = figures.get("crf", figures)["iou"]
    classes = (f"{name} {'–' if iou is None else f'{100 * iou:.1f}'}" for name, iou in best.items())
    shown.append(Shown(["IoU: " + ", ".join(classes)]))
    columns = ("clusters", "classes", "learned", "merged", "k-means", "sHHC", "heads")
    cells = [
        (
            str(row["clusters"]),
            str(row["classes"]),
            *(
                f"{100 * row['mean_iou'][name]:.1f}" if name in row["mean_iou"] else "–"
                for name in ("learned", "merged", "kmeans", "shhc", "heads")
            ),
        )
        for row in figures.get("levels", [])
    ]
    return [*shown, Shown(["mIoU by level"], columns, cells)] if cells else shown


def _percents(figures: dict[str, Any]) -> tuple[str, str]:
    return f"{100 * figures['accuracy']:.2f} %", f"{100 * figures['mean_iou']:.2f} %"


SYSTEM = SegmentationSystem()
train, load, preset, preset_names = SYSTEM.train, SYSTEM.load, SYSTEM.preset, SYSTEM.preset_names
