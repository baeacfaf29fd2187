"""What metric learning says of itself as a system that learns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hyperclade.learning.shown import Judgement, Shown
from hyperclade.learning.system import System
from hyperclade.progress import Progress, Say, say_all, say_skipped

if TYPE_CHECKING:
    from hyperclade.retrieval.config import Recipe, Source
    from hyperclade.retrieval.module import Retrieval
    from hyperclade.retrieval.sources import RetrievalSet


class RetrievalSystem(System):
    """Embeddings for retrieval: UHML, STML, HIER, Hyp-ViT, contrastive and triplet losses on found labels."""

    name = "retrieval"
    title = "metric learning"
    seeds = (0, 1, 2)
    saved = ("recipe", "n_samples", "n_levels")
    scratch = ("features*",)
    labelling = ("labels",)
    about: ClassVar[dict[str, str]] = {
        "train": "learn embeddings for retrieval from images without labels",
        "evaluate": "judge embeddings: recall, MAP@R, clusters and hierarchy against labels",
        "predict": "embeddings of images or features, as a feature file",
        "reproduce": "compare losses and ablations in the paper's tables",
    }

    def read(
        self,
        data: str,
        split: str | None,
        source: "Source",
        *,
        like: "Retrieval | None" = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> "RetrievalSet":
        """Images or features, with labels where they are known.

        Parameters
        ----------
        data : str
            cifar100, cub200, cars196, sop (the first half of the classes trains, the other is judged by), a
            folder of images, a Parquet or CSV file that lists images, or a feature file.
        """
        from dataclasses import replace

        from hyperclade.retrieval.sources import load_samples

        if like is not None and like.size is not None:
            source = replace(source, size=source.size or like.size)
        samples = load_samples(data, split, source)
        say_skipped(say, samples.skipped, "images")
        say_all(say, samples.remarks)
        return samples

    def learner(self, recipe: "Recipe", samples: "RetrievalSet") -> "Retrieval":
        """Learn embeddings for retrieval without labels: UHML, STML, HIER, Hyp-ViT and others.

        Labels are clusters of the embeddings, found anew as these improve; true ones are read only with
        `--labelling.kind labels`. The last state is kept.
        """
        from hyperclade.retrieval.module import Retrieval

        return Retrieval(recipe, samples)

    def restore(self, recipe: "Recipe", settings: dict[str, Any]) -> "Retrieval":
        from hyperclade.retrieval.module import Retrieval

        size = settings["size"]
        return Retrieval(
            recipe,
            n_samples=settings["n_samples"],
            n_levels=settings["n_levels"],
            n_features=settings["n_features"],
            size=None if size is None else tuple(size),
            blueprint=settings["blueprint"],
        )

    def report(
        self, module: "Retrieval", samples: "RetrievalSet", *, progress: Progress | None = None
    ) -> dict[str, Any]:
        from hyperclade.retrieval.evaluation import evaluate

        recipe = module.recipe
        return evaluate(module, samples, recipe.judging.ks, exact=recipe.labelling.exact, progress=progress)

    def describe(self, recipe: "Recipe", samples: "RetrievalSet") -> str:
        own, what = recipe.labelling, samples.describe()
        if samples.kind == "images":
            what += f" by {'frozen ' if recipe.backbone.frozen else ''}{recipe.backbone.name}"
        labels = {
            "hierarchy": f"a hierarchy cut at {', '.join(map(str, own.thresholds or own.counts))}",
            "kmeans": f"k-means with {own.counts[0]} clusters",
            "neighbours": "nearest samples",
            "labels": "the true labels",
        }[own.kind]
        return (
            f"{len(samples):,} samples ({what}); {recipe.method.name} on {labels}; "
            f"{recipe.training.epochs:g} epochs, seed {recipe.seed}"
        )

    def prepare(
        self,
        recipe: "Recipe",
        samples: "RetrievalSet",
        folder: Path | None,
        *,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> "RetrievalSet":
        """With features for the images of a frozen backbone, which the folder keeps; else the samples.

        Samples to learn from get features of augmented views as well.
        """
        from hyperclade.retrieval.sources import with_features

        backbone = recipe.backbone
        if samples.kind != "images" or not backbone.frozen:
            return samples
        return with_features(samples, recipe, folder, device=device, progress=progress)

    def shares(self, recipe: "Recipe") -> Any:
        backbone, own = recipe.backbone, recipe.training
        if not backbone.frozen:
            return None
        return (backbone.name, backbone.size, backbone.views, own.crop, own.flip, own.colour, *own.area)

    def evaluate(
        self,
        module: "Retrieval",
        data: str,
        source: "Source",
        *,
        split: str = "test",
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Judgement:
        """Judge embeddings: every sample asks for its nearest among all others, at every level of the labels.

        Recall@K, MAP@R and R-precision by the distance of the space; NMI of k-means on the embeddings and of
        the hierarchy's cut, and its dendrogram purity.

        Parameters
        ----------
        data : str
            What training takes; of data sets by name the other half of the classes.
        split : str
            Part of data sets by name: train, val (of cifar100: other images of the classes of training) or
            test.
        """
        samples = self.read(data, split, source, like=module, progress=progress, say=say)
        figures = {"data": data, "split": split} | self.report(module, samples, progress=progress)
        return Judgement(figures, [_shown(figures)])

    def predict(
        self,
        module: "Retrieval",
        inputs: str,
        out: str,
        source: "Source",
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        say: Say = print,
    ) -> list[str]:
        """Write embeddings as a feature file, with ids and labels: what `discover` and `index` read.

        They are vectors before the exponential map, tangent at the origin of the ball.

        Parameters
        ----------
        inputs : str
            What training takes, labels or not; of data sets by name the test split.
        out : str
            Feature file: .npy, .npz, .parquet or .csv.
        overwrite : bool
            Replace OUT if it exists.
        """
        from hyperclade.data.features import write_features, written_suffix

        target = Path(out)
        written_suffix(target)
        if target.exists() and not overwrite:
            raise ValueError(f"{out} exists already; choose another name or --overwrite it")
        samples = self.read(inputs, "test", source, like=module, progress=progress, say=say)
        vectors = module.embed(samples, progress=progress)
        write_features(target, vectors, ids=samples.ids, labels=samples.paths)
        space = module.recipe.space
        ball = f", tangent at the origin of the ball of curvature −{space.curvature:g}"
        what = f"{len(vectors):,} vectors of {vectors.shape[1]}"
        return [f"{what}{ball if space.geometry == 'hyperbolic' else ''} → {out}"]


def _shown(figures: dict[str, Any]) -> Shown:
    levels = figures["levels"]
    titles = {f"recall_at_{k}": f"Recall@{k}" for k in _ks(levels)} | _MEASURES
    rows = []
    for measure, title in titles.items():
        values = [level.get(measure) for level in levels.values()]
        rows.append((title, *("–" if value is None else f"{100 * value:.2f} %" for value in values)))
    return Shown([f"{figures['n_samples']:,} samples"], ("", *levels), rows)


_MEASURES = {
    "map_at_r": "MAP@R",
    "r_precision": "R-precision",
    "nmi_kmeans": "NMI, k-means",
    "nmi_hierarchy": "NMI, hierarchy",
    "dendrogram_purity": "dendrogram purity",
}


def _ks(levels: dict[str, Any]) -> list[int]:
    first = next(iter(levels.values()))
    return sorted(int(name.removeprefix("recall_at_")) for name in first if name.startswith("recall_at_"))


SYSTEM = RetrievalSystem()
train, load, preset, preset_names = SYSTEM.train, SYSTEM.load, SYSTEM.preset, SYSTEM.preset_names
