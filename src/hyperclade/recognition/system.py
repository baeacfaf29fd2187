"""What structured recognition says of itself as a system that learns."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hyperclade.learning.shown import Judgement, Shown
from hyperclade.learning.system import System
from hyperclade.progress import Progress, Say, say_all, say_list, say_skipped

if TYPE_CHECKING:
    from hyperclade.data.labelled import LabelledSet
    from hyperclade.data.masks import MaskedSet
    from hyperclade.recognition.config import Recipe, Source
    from hyperclade.recognition.module import Recognition

_MEASURES = {
    "map": "MAP, mean over samples of average precision",
    "micro_ap": "micro-AP, of all cells in one ranking",
    "cv": "CV, edges whose child scores above the parent",
    "cv_closure": "CV as MBM's program counts",
    "cmap": "CMAP, the better of the two below",
    "cmap_min": "CMAP by minima over ancestors",
    "cmap_max": "CMAP by maxima over descendants",
}


class RecognitionSystem(System):
    """Methods that score the nodes of a taxonomy: HVSA, leaf softmax, HXE, HSSN and others."""

    name = "recognition"
    title = "recognition"
    saved = ("recipe", "task")
    scratch = ("features*.npy",)
    passing = ("masks",)
    labelling = ("labels",)
    about: ClassVar[dict[str, str]] = {
        "train": "train a method on features, images or pixels labelled by a taxonomy",
        "evaluate": "judge a trained method on labelled samples",
        "predict": "scores, labels and a way down the taxonomy for samples; masks of images",
        "reproduce": "compare the methods of recognition in the paper's tables",
    }

    def read(
        self,
        data: str,
        split: str | None,
        source: "Source",
        *,
        like: "Recognition | None" = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> "LabelledSet | MaskedSet":
        """Labelled samples.

        Parameters
        ----------
        data : str
            imclef07a, imclef07d, cifar100, camvid, ARFF or feature file, folder of images, Parquet or CSV
            file that lists images.
        """
        from hyperclade.recognition.sources import NAMED, load_samples

        if like is not None:
            if like.task.kind == "pixels" and source.masks is None and data not in NAMED:
                raise ValueError(f"{data}: what learned from masks is judged by masks: --source.masks FOLDER")
            source = trained_source(like, source)
        taxonomy = None if like is None else like.task.taxonomy
        split = None if split == "train" else split  # files have no splits
        columns, means = (None, None) if like is None else (like.task.columns, like.task.means)
        purpose: Literal["learning", "known"] = "learning" if like is None else "known"
        samples = load_samples(
            data, split, taxonomy=taxonomy, source=source, columns=columns, means=means, purpose=purpose
        )
        say_skipped(say, samples.skipped, "images")
        say_all(say, samples.remarks)
        if say is not None and (completed := getattr(samples, "completed", 0)):
            say(f"{completed} samples lacked ancestors of their labels; completed")
        if like is None and (empty := samples.empty_classes()):
            say_list(say, f"{len(empty)} classes without samples:", empty)
        return samples

    def learner(self, recipe: "Recipe", samples: "LabelledSet | MaskedSet") -> "Recognition":
        """Train a method of structured recognition: HVSA, leaf softmax, HXE, HSSN and others."""
        from hyperclade.recognition.module import Recognition, Task

        return Recognition(recipe, Task.of(samples), samples)

    def restore(self, recipe: "Recipe", settings: dict[str, Any]) -> "Recognition":
        from hyperclade.recognition.module import Recognition, Task

        task = Task.from_settings(settings["task"])
        return Recognition(recipe, task, blueprint=settings.get("blueprint"))

    def prepare(
        self,
        recipe: "Recipe",
        samples: "LabelledSet | MaskedSet",
        folder: Path | None,
        *,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> "LabelledSet | MaskedSet":
        """With features for the images of a frozen backbone, which the folder keeps; else the samples."""
        import numpy as np

        from hyperclade.data.atomic import atomic_write
        from hyperclade.recognition.embedding import embed

        backbone = recipe.backbone
        if samples.kind != "images" or not backbone.frozen:
            return samples
        if folder is None:
            return embed(samples, backbone, device=device, progress=progress)
        seen = "".join(c if c.isalnum() else "-" for c in f"{backbone.name}-{backbone.size or ''}")
        path = folder / f"features-{seen}-{samples.fingerprint()['content'][:16]}.npy"
        if not path.exists():
            found = embed(samples, backbone, device=device, progress=progress)
            with atomic_write(path) as file:
                np.save(file, np.asarray(found.inputs), allow_pickle=False)
        return replace(samples, inputs=np.load(path, allow_pickle=False))

    def shares(self, recipe: "Recipe") -> Any:
        backbone = recipe.backbone
        return (backbone.name, backbone.size) if backbone.frozen else None

    def report(
        self, module: "Recognition", samples: "LabelledSet | MaskedSet", *, progress: Progress | None = None
    ) -> dict[str, Any]:
        from hyperclade.recognition.evaluation import evaluate

        return evaluate(module, samples, progress=progress)

    def cost(self, recipe: "Recipe", samples: "LabelledSet | MaskedSet", device: str) -> dict[str, float]:
        from hyperclade.environment import pick_device
        from hyperclade.recognition.evaluation import cost
        from hyperclade.recognition.module import Recognition, Task

        return cost(Recognition(recipe, Task.of(samples)).to(pick_device(device)), samples)

    def describe(self, recipe: "Recipe", samples: "LabelledSet | MaskedSet") -> str:
        backbone, taxonomy = recipe.backbone, samples.taxonomy
        what = samples.describe()
        if samples.kind != "features" and backbone.name is not None:
            what += f" by {'frozen ' if backbone.frozen else ''}{backbone.name}"
            what += f", {backbone.head} head" if samples.kind == "pixels" else ""
        return (
            f"{len(samples):,} samples ({what}), {len(taxonomy):,} nodes, {len(taxonomy.leaves):,} of them "
            f"leaves, {int(taxonomy.depth.max()) + 1} levels\n{recipe.method.name}; "
            f"{recipe.training.epochs:g} epochs, seed {recipe.seed}"
        )

    def evaluate(
        self,
        module: "Recognition",
        data: str,
        source: "Source",
        *,
        split: str | None = None,
        cost: bool = False,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Judgement:
        """Judge the scores of a trained method: MAP, coherence, mistakes; of pixels, mIoU by level.

        Parameters
        ----------
        data : str
            What training takes: imclef07a, imclef07d, cifar100, camvid, or a file or folder.
        source : dataclass
            How files are read; images are brought to the size of those in training by default.
        split : str, optional
            Part of imclef07a and others by name: train, test (the default), val. Of all data that were
            trained on, validation: the part that training held out of them.
        cost : bool
            Also measure parameters (those used in training alone included), FLOPs and samples per second.
        """
        from hyperclade.learning.runs import unseen_part
        from hyperclade.recognition import evaluation
        from hyperclade.recognition.sources import NAMED

        unseen = split == "validation"
        if split is None and data in NAMED:
            split = "test"
        samples = self.read(data, None if unseen else split, source, like=module, say=say)
        if unseen:
            samples = unseen_part(module, samples)
        figures: dict[str, Any] = {"data": data, "split": split}
        figures |= self.report(module, samples, progress=progress)
        shown = _levels(figures) if "levels" in figures else _scores(figures)
        if cost:
            figures["cost"] = evaluation.cost(module, samples)
            parameters, flops, speed = figures["cost"].values()
            shown.append(
                Shown(
                    [
                        f"{parameters / 1e6:.2f} M parameters, those used in training alone included; "
                        f"{flops / 1e9:.3f} GFLOPs per sample (a multiplication and an addition are two), "
                        f"{speed:.2f} samples per second, one at a time"
                    ]
                )
            )
        return Judgement(figures, shown)

    def predict(
        self,
        module: "Recognition",
        inputs: str,
        out: str,
        source: "Source",
        *,
        coherent: Literal["max", "min", "none"] = "min",
        threshold: float = 0.5,
        stop: float | Literal["cost"] | None = None,
        progress: Progress | None = None,
        say: Say = print,
    ) -> list[str]:
        """Score samples, label them coherently and give each a path down the taxonomy; mask images.

        Parameters
        ----------
        inputs : str
            ARFF or feature file, image, folder of images, Parquet or CSV file that lists images, or the test
            split of imclef07a and others by name.
        out : str
            Table to write, .parquet or .csv; for methods trained on masks a folder of masks and overlays.
        source : dataclass
            How files are read; images are brought to the size of those in training by default. For masks they
            keep their own.
        coherent : str
            Let no node score above an ancestor (min), none below a descendant (max), or none.
        threshold : float
            Score from which on a node is a label. Scores are probabilities, but for boxe, devise,
            barz-denzler and hssn, where 0.5 means nothing.
        stop : float or "cost"
            Where a path may end above a leaf: 0.5 goes down to the likeliest child while that has at least
            this probability; cost takes the node with the fewest expected edges to the true leaf. Default: at
            the best leaf. Not for masks, and for scores that are no probabilities.
        """
        import numpy as np

        from hyperclade.recognition import prediction
        from hyperclade.recognition.sources import load_inputs

        pixels = module.task.kind == "pixels"
        own_sizes = pixels and source.size is None
        if not pixels:
            prediction.check_table(Path(out))
        prediction.check_stop(module, stop, coherent)
        given = load_inputs(
            inputs,
            source=trained_source(module, source),
            own_sizes=own_sizes,
            columns=module.task.columns,
            means=module.task.means,
        )
        rows: Any = given.rows
        say_skipped(say, given.skipped, "images")
        say_all(say, given.remarks)
        if pixels:
            written = prediction.write_masks(out, module, rows, given.ids, progress=progress)
            return [f"Written to {out}: {len(written):,} masks with overlays, classes.json"]
        if not module.scorer.method.probabilities:
            name = module.recipe.method.name
            say(f"scores of {name} are no probabilities: --threshold {threshold:g} says little")
        predicted = prediction.predict(
            module, rows, coherent=coherent, threshold=threshold, stop=stop, progress=progress
        )
        prediction.write_predictions(out, predicted, given.ids)
        paths = predicted.paths()
        first = zip(given.ids[:5], paths, strict=False)
        ways = [f"{name}: {' / '.join(way) or '(none)'}" for name, way in first]
        if stop is not None:
            none = paths.count(())
            inner = len(paths) - none - int(np.isin(predicted.end, predicted.taxonomy.leaves).sum())
            ways.append(f"{inner:,} paths stop above the leaves, {none:,} have no node that is likely enough")
        return [*ways, f"Written to {out}: {len(given.ids):,} samples"]


def trained_source(module: "Recognition", source: "Source") -> "Source":
    """How to read samples like those in training: images of their size, masks of their classes."""
    names, nodes = module.task.taxonomy.names, module.task.class_nodes
    return replace(
        source,
        size=source.size or module.task.size,
        classes=source.classes or ([names[node] for node in nodes] or None),
    )


def _scores(figures: dict[str, Any]) -> list[Shown]:
    rows: list[Sequence[str]] = [(title, f"{100 * figures[name]:.2f} %") for name, title in _MEASURES.items()]
    for name, value in figures.get("mistakes", {}).items():
        if name == "top1_error":
            rows.append(("top-1 error", f"{100 * value:.2f} %"))
        elif name == "mistake_distance":
            rows.append(("hierarchical distance of mistakes", "–" if value is None else f"{value:.3f}"))
        elif name != "n_samples":
            rows.append((f"hierarchical distance {name.removeprefix('distance')}", f"{value:.3f}"))
    title = f"{figures['n_samples']:,} samples, {figures['n_nodes']:,} nodes"
    return [Shown([title], ("", ""), rows, left=2, header=False)]


def _levels(figures: dict[str, Any]) -> list[Shown]:
    lines = [f"{figures['n_samples']:,} images, {100 * figures['pixel_accuracy']:.2f} % of pixels right"]
    for level in figures["levels"]:
        lines.append(f"mIoU of level {level['level']}: {100 * level['mean_iou']:.2f} %")
        found = (f"{name} {'–' if iou is None else f'{100 * iou:.1f}'}" for name, iou in level["iou"].items())
        lines.append("  " + ", ".join(found))
    return [Shown(lines)]


SYSTEM = RecognitionSystem()
train, load, preset, preset_names = SYSTEM.train, SYSTEM.load, SYSTEM.preset, SYSTEM.preset_names
