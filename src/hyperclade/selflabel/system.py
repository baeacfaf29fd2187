"""What self-labelling, of sound and vision or of images, says of itself as a system that learns."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hyperclade.learning.shown import Judgement, Shown
from hyperclade.learning.system import System
from hyperclade.progress import Progress, Say, say_list, say_skipped

if TYPE_CHECKING:
    from hyperclade.learning.comparison import Asked, Plan
    from hyperclade.selflabel.config import Recipe
    from hyperclade.selflabel.module import SelfLabelling
    from hyperclade.selflabel.reproduce import Comparison
    from hyperclade.selflabel.sources import Media, Seen

_MEASURES = {
    "nmi": "NMI",
    "nmi_ceiling": "ceiling",
    "ari": "ARI",
    "hungarian_accuracy": "accuracy",
    "mean_purity": "purity",
    "weighted_purity": "weighted",
    "cluster_entropy": "entropy",
}


class SelfLabelSystem(System):
    """L3, DeepCluster, XDC, SeLa, SeLaVi and sHHC: labels of sound and vision, or of images."""

    name = "selflabel"
    title = "self-labelling"
    source_name = "media"
    seeds = (0, 1, 2)
    saved = ("recipe", "frame_channels", "n_pairs")
    passing = ("rebuild", "retry_skipped", "n_workers")
    about: ClassVar[dict[str, str]] = {
        "train": "train on sound and vision, or on images, by labels they give themselves",
        "evaluate": "judge a trained system's clusters, features and hierarchies",
        "reproduce": "compare the published systems on sound and vision",
    }

    def source(self) -> type:
        from hyperclade.selflabel.sources import Media

        return Media

    def read(
        self,
        data: str,
        split: str | None,
        source: "Media",
        *,
        like: "SelfLabelling | None" = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
        class_names: tuple[str, ...] = (),
        n_pairs: int | None = None,
        wrong_pairs: float = 0.0,
        noisy: Literal["vision", "audio"] | None = None,
        noise: float = 1.0,
    ) -> "Seen":
        """Pairs of frames and sounds, or images without sound.

        Parameters
        ----------
        data : str
            "avdigits"; CSV file of clips (path, start, end, label), list of VGGSound or AudioSet as
            published, or folder of media files; or images without sound: folder (its folders are classes),
            Parquet (image, label) or CSV file (path, label).
        source : Media
            Decoding of clips; of images the frame_size alone counts.
        n_pairs : int, optional
            Learn from so many pairs or images, drawn at random.
        wrong_pairs : float
            AV digits: fraction of the pairs whose sound is another digit.
        noisy : str, optional
            AV digits: modality to degrade.
        noise : float
            AV digits: noise over signal in the degraded modality.
        """
        from hyperclade.data.clip_cache import noted_clips, skipped_clips
        from hyperclade.selflabel.sources import AVDIGITS, cache_folder, holds_images, load_images, load_pairs

        if like is not None:
            self.check(like.recipe, data)
            if data != AVDIGITS:
                _check_media(like, source)
        if holds_images(data):
            if wrong_pairs or noisy is not None:
                raise ValueError('wrong_pairs and noisy are options of the data "avdigits"')
            images = load_images(
                data, n_pairs=n_pairs, random_state=seed, media=source, class_names=class_names
            )
            say_skipped(say, images.skipped, "images")
            if like is not None:
                _check_fit(like, images)
            return images
        pairs = load_pairs(
            data,
            split or "train",
            n_pairs=n_pairs,
            wrong_pairs=wrong_pairs,
            noisy=noisy,
            noise=noise,
            random_state=seed,
            media=source,
            class_names=class_names,
            progress=progress,
        )
        if data != AVDIGITS:
            cache = cache_folder(data, source, split or "train")
            lines = [f"{clip.path}: {clip.reason}" for clip in skipped_clips(cache).itertuples()]
            say_list(say, f"{len(lines)} clips skipped, listed in {cache / 'skipped.csv'}:", lines)
            odd = [f"{clip.path}: {clip.reason}" for clip in noted_clips(cache).itertuples()]
            say_list(say, f"{len(odd)} clips kept that are silent or still, in {cache / 'noted.csv'}:", odd)
        if like is not None:
            _check_fit(like, pairs)
        return pairs

    def check(self, recipe: "Recipe", data: str) -> None:
        from hyperclade.selflabel.module import check_inputs
        from hyperclade.selflabel.sources import holds_images

        try:
            check_inputs(recipe.system, images=holds_images(data))
        except ValueError as error:
            raise ValueError(f"{data}: {error}") from error

    def passed_over(self, data: str) -> str | None:
        from hyperclade.data.opening import IMAGE_SUFFIXES, MEDIA_SUFFIXES, passed_over
        from hyperclade.selflabel.sources import holds_images

        return passed_over(data, IMAGE_SUFFIXES if holds_images(data) else MEDIA_SUFFIXES)

    def learner(self, recipe: "Recipe", samples: "Seen", *, warm_start: str | None = None) -> "SelfLabelling":
        """Train a system that labels sound and vision itself: L3, DeepCluster, XDC, SeLa, SeLaVi, sHHC.

        DeepCluster, SeLa, SeLaVi and sHHC also learn from images without sound: presets sela-images and
        deepcluster-images, or images laid over the others.

        Parameters
        ----------
        warm_start : str, optional
            Finished run whose towers to start from (its folder or model.ckpt).
        """
        from hyperclade.learning.runs import CHECKPOINT, read_checkpoint
        from hyperclade.selflabel.module import SelfLabelling

        if warm_start is None:
            return SelfLabelling(recipe, samples)
        path = Path(warm_start)
        path = path / CHECKPOINT if path.is_dir() else path
        return SelfLabelling(recipe, samples, warm_start=(read_checkpoint(path, self)["state_dict"], path))

    def restore(self, recipe: "Recipe", settings: dict[str, Any]) -> "SelfLabelling":
        from hyperclade.selflabel.module import SelfLabelling

        shapes = ("frame_channels", "n_pairs", "frame_shape", "sound_shape", "blueprints")
        return SelfLabelling(recipe, **{name: settings.get(name) for name in shapes})

    def report(
        self, module: "SelfLabelling", samples: "Seen", *, progress: Progress | None = None
    ) -> dict[str, Any]:
        from hyperclade.selflabel.evaluation import evaluate_clusters

        return {"clusters": evaluate_clusters(module, samples)}

    def describe(self, recipe: "Recipe", samples: "Seen") -> str:
        system, training = recipe.system, recipe.training
        if system.labeller == "none":
            what = "correspondence alone"
        else:
            tree = f", hierarchies in the {system.geometry} of dimension {system.dim}"
            heads = f"{system.n_heads} heads" if system.n_heads > 1 else "1 head"
            teacher = f" ({system.teacher})" if system.inputs == "pairs" else ""
            what = (
                f"{system.labeller} labels{teacher}, {system.n_clusters} clusters, {heads}"
                f"{tree if system.hierarchy else ''}"
            )
        warmup = f"{training.warmup_epochs:g} + " if system.inputs == "pairs" else ""
        return (
            f"{len(samples):,} {samples.word}: {samples.describe()}\n"
            f"{what}; {warmup}{training.epochs:g} epochs, seed {recipe.seed}"
        )

    def evaluate(
        self,
        module: "SelfLabelling",
        data: str,
        source: "Media",
        *,
        test_data: str | None = None,
        merge_to: list[int] = [],  # noqa: B006 - read only
        probe: list[float] = [0.01, 0.1],  # noqa: B006
        fine_tune: list[float] = [],  # noqa: B006
        export: str | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Judgement:
        """Judge the clusters of a trained system against classes, and its features on labelled tasks.

        Parameters
        ----------
        data : str
            As for training: labelled pairs or images for probes and fine-tuning, and those judged if there
            are no test data.
        source : Media
            Decoding of clips; of images the frame_size alone counts.
        test_data : str, optional
            Pairs or images to judge; default: the test split of avdigits or VGGSound, or DATA, then without
            probes.
        merge_to : list of int
            Numbers of clusters to merge to by the tree, `--merge_to 60 34`.
        probe : list of float
            Fractions of labels for linear probes; `--probe` alone for none.
        fine_tune : list of float
            Fractions of labels for fine-tuning, none by default.
        export : str, optional
            Folder for features.npy, assignments.parquet, tree-vision.json, tree-audio.json, tree-joint.json,
            cluster-similarity.png and hierarchies.png of what is judged.
        seed : int
            Seed of the draws of labels and pairs.
        """
        from hyperclade.data.store import check_writable
        from hyperclade.selflabel import evaluation
        from hyperclade.selflabel.export import export_found
        from hyperclade.selflabel.sources import has_splits

        if export is not None:
            check_writable(export, folder=True)
        known: Seen | None = None
        names: tuple[str, ...] = ()
        if test_data is not None or has_splits(data):
            known = self.read(data, "train", source, like=module, seed=seed, progress=progress, say=say)
            names = known.class_names
        tested = data if test_data is None else test_data
        judged = self.read(
            tested, "test", source, like=module, seed=seed, progress=progress, say=say, class_names=names
        )
        labelled = judged.labels is not None and bool((judged.labels >= 0).any())
        if not labelled and export is None:
            raise ValueError(
                f"the {judged.word} of {tested} have no labels to judge by; --export writes features, "
                "clusters and pictures without"
            )
        figures: dict[str, Any] = {"data": data, judged.word: len(judged)}
        shown: list[Shown] = []
        if labelled:
            assert judged.labels is not None
            figures["clusters"] = evaluation.evaluate_clusters(module, judged, merge_to=merge_to)
            n_classes = len(set(judged.labels[judged.labels >= 0].tolist()))
            title = f"Clusters of {len(judged):,} {judged.word} against {n_classes} classes"
            shown += _clusters(title, figures["clusters"])
            if known is None:
                left = f"Without --test_data no {judged.word} are left over for probes and fine-tuning"
                shown.append(Shown([left]))
            else:
                if probe:
                    figures["probe"] = evaluation.linear_probe(
                        module, known, judged, fractions=probe, random_state=seed
                    )
                    shown.append(_accuracies("Linear probe", figures["probe"]))
                if fine_tune:
                    figures["fine_tune"] = [
                        row
                        for fraction in fine_tune
                        for row in evaluation.fine_tune(
                            module, known, judged, fraction=fraction, random_state=seed
                        )
                    ]
                    shown.append(_accuracies("Fine-tuning", figures["fine_tune"]))
        if export is not None:
            written = export_found(module, judged, Path(export), say)
            shown.append(Shown([f"Written to {export}: {', '.join(written)}"]))
        return Judgement(figures, shown)

    def plan(  # type: ignore[override]
        self,
        asked: "Asked",
        *,
        media: "Media | None" = None,
        data: str = "avdigits",
        test_data: str | None = None,
        overlays: list[str] | None = None,
        merge_to: list[int] | None = None,
        probe: list[float] = [0.01, 0.1],  # noqa: B006 - read only
        fine_tune: float | None = 0.1,
        n_pairs: int | None = None,
        wrong_pairs: float = 0.0,
        noisy: Literal["vision", "audio"] | None = None,
        noise: float = 1.0,
        head: Literal["mean", "chosen", "oracle"] = "mean",
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> "Plan":
        """Train and judge all systems on sound and vision, and print the papers' tables of them.

        All systems of a seed start from one L3 and learn for as long from the same pairs. What is finished in
        OUT is not done again, so a stopped comparison goes on when started again alike. The systems are
        random (an untrained encoder), l3, deepcluster, xdc, sela, selavi and shhc.

        Parameters
        ----------
        media : Media
            Decoding of clips.
        data : str
            "avdigits", CSV file or folder of clips; labels are used to judge alone.
        test_data : str, optional
            Clips to judge by; needed unless DATA is avdigits or VGGSound.
        overlays : list of str, optional
            Presets laid over each system's; default: avdigits for the data of that name.
        merge_to : list of int, optional
            Numbers of clusters to merge to by the trees; default: 20 and 10 for avdigits.
        probe : list of float
            Fractions of labels for linear probes; `--probe` alone for none.
        fine_tune : float, optional
            Fraction of labels for fine-tuning; null for none.
        n_pairs : int, optional
            Learn from so many pairs, drawn at random.
        wrong_pairs : float
            AV digits: fraction of the training pairs whose sound is another digit.
        noisy : str, optional
            AV digits: modality to degrade.
        noise : float
            AV digits: noise over signal in the degraded modality.
        head : str
            Whose figures to print of several heads: their mean, the one of least training loss, or the best
            by the classes.
        """
        from hyperclade.selflabel.reproduce import Comparison, check, plan
        from hyperclade.selflabel.sources import AVDIGITS, Media, has_splits

        digits, media = data == AVDIGITS, media or Media()
        if test_data is None and not has_splits(data):
            raise ValueError("clips have no test split: give --test_data")
        options: dict[str, Any] = {"n_pairs": n_pairs}
        if digits:
            options |= {"wrong_pairs": wrong_pairs, "noisy": noisy, "noise": noise}
        else:
            # The runs find all decoded, so how it is done is no part of what is compared.
            options |= {"media": replace(media, rebuild=False, retry_skipped=False, n_workers=None)}
        comparison = Comparison(
            data=data,
            test_data=test_data,
            options=options,
            overlays=tuple(overlays if overlays is not None else ["avdigits"] if digits else []),
            changes=asked.changes,
            merge_to=tuple(merge_to if merge_to is not None else [20, 10] if digits else []),
            fractions=tuple(probe),
            tune_fraction=fine_tune,
        )
        made = plan(self, comparison, systems=asked.systems, seeds=asked.seeds, head=head)
        check(self, comparison, made, media, progress=progress, say=say)
        return made


def _check_media(module: "SelfLabelling", asked: "Media") -> None:
    trained = module.hparams.get("source") or {}  # runs of older versions say nothing of it
    for name in ("frame_size", "window", "sample_rate", "n_bins"):
        if name in trained and trained[name] != getattr(asked, name):
            raise ValueError(
                f"the system was trained with the media option {name} {trained[name]}, and "
                f"{getattr(asked, name)} is asked: leave the option out to read as in training"
            )


def _check_fit(module: "SelfLabelling", samples: "Seen") -> None:
    from hyperclade.selflabel.module import media_of

    channels, wanted = samples.frames.shape[2], module.hparams["frame_channels"]
    if channels != wanted:
        raise ValueError(f"the system was trained on frames of {wanted} channels; these have {channels}")
    for modality in module.recipe.system.modalities:
        what, media = "frame" if modality == "vision" else "sound", media_of(samples, modality)[0]
        trained = module.hparams.get(f"{what}_shape")  # checkpoints of older versions name none
        # Features of frames are their mean, however many.
        first = 2 if what == "frame" else 1
        if trained is not None and list(trained)[first - 1 :] != list(media.shape[first:]):
            there, here = (" × ".join(map(str, shape)) for shape in (trained, media.shape[1:]))
            raise ValueError(
                f"the system was trained on {what}s of {there}; these are {here}: give the --media options "
                "of training"
            )


def _clusters(title: str, rows: list[dict[str, Any]]) -> list[Shown]:
    cells = [
        (row["view"], row["clusters"], row["head"], *(f"{row[name]:.3f}" for name in _MEASURES))
        for row in rows
    ]
    about = (
        "ceiling: of the NMI of so many clusters of equal size; purity: mean over clusters, and weighted by\n"
        "their sizes; head: mean of all, the one of least training loss, the best by the classes (oracle)"
    )
    columns = ("view", "clusters", "head", *_MEASURES.values())
    return [Shown([title], columns, cells), Shown([about])]


def _accuracies(title: str, rows: list[dict[str, Any]]) -> Shown:
    views = list(dict.fromkeys(row["view"] for row in rows))
    cells = []
    for fraction in dict.fromkeys(row["fraction"] for row in rows):
        same = {row["view"]: row for row in rows if row["fraction"] == fraction}
        accuracies = (f"{same[view]['accuracy']:.3f}" for view in views)
        cells.append((f"{100 * fraction:g} %", f"{same[views[0]]['labels']:,}", *accuracies))
    return Shown([""], (title, "labels", *views), cells)


SYSTEM = SelfLabelSystem()
train, load, preset, preset_names = SYSTEM.train, SYSTEM.load, SYSTEM.preset, SYSTEM.preset_names


def compare(comparison: "Comparison", out: Any, **options: Any) -> list[dict[str, Any]]:
    """Train and judge every system with every seed; what is done already in the folder is not done again.

    The folder gets one for each run, with its checkpoint and `result.json`. Options are `systems` and `seeds`
    of `reproduce.plan`, and those of `hyperclade.learning.comparison.compare`. Of each run it gives `system`,
    `seed`, `seconds`, `clusters` (rows of `evaluate_clusters` on the test pairs), `probe`, `tuned` (by view
    and fraction).
    """
    from hyperclade.learning import comparison as mechanism
    from hyperclade.selflabel.reproduce import by_system, plan

    planned = {name: options.pop(name) for name in ("systems", "seeds") if name in options}
    results = mechanism.compare(plan(SYSTEM, comparison, **planned), out, **options)
    return by_system(results, planned.get("systems"))
