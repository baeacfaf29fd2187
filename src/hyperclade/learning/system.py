"""The seam: what a system that learns says of itself, and what follows from it.

A subclass of `System` says its name, its recipe and source, how it reads samples, makes a learner, judges it
and, if it can, predicts; `train`, `load`, presets, comparisons and four commands follow. What a method takes
by keyword beyond its base's parameters is an option of the command: its type hint, default and docstring make
it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from hyperclade.learning.shown import Judgement, Shown
from hyperclade.progress import Progress, Say

if TYPE_CHECKING:
    from pathlib import Path

    from hyperclade.learning.comparison import Asked, Plan


class System:
    """A system that learns.

    Attributes
    ----------
    name : str
        Its word on the command line, and its package's, which holds the folder `presets`.
    title : str
        Its name in sentences, "self-labelling".
    source_name : str
        Name of the options that say how files are read.
    seeds : tuple of int
        Seeds of a comparison, by default.
    about : dict of str
        What each command does, by its verb.
    saved : tuple of str
        Hyperparameters of checkpoints without which `restore` can do nothing.
    scratch : tuple of str
        Files that a finished run no longer needs.
    passing : tuple of str
        Settings of the source that say nothing of how later data are read: where files are, how fast.
    labelling : tuple of str
        Those that say where labels are, which samples to predict for do not have.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source_name: ClassVar[str] = "source"
    seeds: ClassVar[tuple[int, ...]] = (0, 1, 2, 3, 4)
    about: ClassVar[dict[str, str]] = {}
    saved: ClassVar[tuple[str, ...]] = ("recipe",)
    scratch: ClassVar[tuple[str, ...]] = ()
    passing: ClassVar[tuple[str, ...]] = ()
    labelling: ClassVar[tuple[str, ...]] = ()

    # ---- what a system says ----

    def recipe(self) -> type:
        """Its recipe, a dataclass of dataclasses, `training` among them, and a seed: `Recipe` of `config`."""
        return self._config().Recipe

    def source(self) -> type:
        """How its files are read, a dataclass: `Source` of `config`."""
        return self._config().Source

    def read(
        self,
        data: str,
        split: str | None,
        source: Any,
        *,
        like: Any = None,
        seed: int = 0,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Any:
        """Samples.

        Parameters
        ----------
        data : str
            Name of a data set, or path.
        split : str or None
            Split of a data set by name; None where it does not matter.
        source : dataclass
            How files are read.
        like : Learner, optional
            Trained on samples that these shall be like.
        seed : int
            Seed of what is drawn.
        progress, say : callable, optional
            Told how far reading is, and what was left out.
        """
        raise NotImplementedError

    def check(self, recipe: Any, data: str) -> None:
        """Raise ValueError, before samples are read, for data that the recipe cannot learn from."""

    def learner(self, recipe: Any, samples: Any) -> Any:
        """A module that learns from samples by a recipe."""
        raise NotImplementedError

    def restore(self, recipe: Any, settings: dict[str, Any]) -> Any:
        """The module that has saved these hyperparameters, without its weights."""
        raise NotImplementedError

    def report(self, module: Any, samples: Any, *, progress: Progress | None = None) -> dict:
        """How good a module is on labelled samples: figures by name, as JSON holds them."""
        raise NotImplementedError

    def prepare(
        self,
        recipe: Any,
        samples: Any,
        folder: "Path | None",
        *,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> Any:
        """What training really reads of the samples, such as features, computed once and kept in a folder."""
        return samples

    def shares(self, recipe: Any) -> Any:
        """What tells apart the outcomes of `prepare` for a data set; None where it does nothing."""
        return None

    def with_defaults(self, recipe: Any) -> dict[str, Any]:
        """The settings of a recipe, those included that its method's class sets, of systems with METHODS."""
        from hyperclade.learning.settings import class_settings, named_class, plain

        settings = plain(recipe)
        methods = getattr(import_module(self.recipe().__module__), "METHODS", None)
        if methods is not None:
            made, chosen = named_class(self.package, methods, recipe.method, "method")
            settings["method"]["settings"] = plain(class_settings(made) | chosen)
        return settings

    def passed_over(self, data: str) -> str | None:
        """How many files of a folder, and of which kinds, it does not read; None where there are none."""
        from hyperclade.data.opening import IMAGE_SUFFIXES, passed_over

        return passed_over(data, IMAGE_SUFFIXES)

    def cost(self, recipe: Any, samples: Any, device: str) -> dict[str, float]:
        """What a module costs at prediction, by name; training changes nothing about it."""
        raise NotImplementedError

    def describe(self, recipe: Any, samples: Any) -> str:
        """What a run is about, in words."""
        return (
            f"{len(samples):,} {samples.word}: {samples.describe()}; {recipe.training.epochs:g} epochs, "
            f"seed {recipe.seed}"
        )

    def evaluate(
        self,
        module: Any,
        data: str,
        source: Any,
        *,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> Judgement:
        """Judge a trained module by labelled samples.

        Parameters
        ----------
        data : str
            As for training.
        """
        samples = self.read(data, "test", source, like=module, progress=progress, say=say)
        figures = self.report(module, samples, progress=progress)
        rows = [(name, f"{value:g}") for name, value in figures.items() if isinstance(value, int | float)]
        return Judgement(figures, [Shown(rows=rows, columns=("", ""), header=False)])

    def plan(
        self,
        asked: "Asked",
        *,
        table: int,
        data: list[str] | None = None,
        progress: Progress | None = None,
        say: Say | None = None,
    ) -> "Plan":
        """Train and judge the systems of a published table, and print it beside the published figures.

        Each run learns from all training samples and is judged once, by the test samples. What is finished in
        OUT is not done again: a stopped comparison goes on when started again alike, and tables share runs.

        Parameters
        ----------
        table : int
            Number of the table.
        data : list of str, optional
            Names of the table's data sets; default: all.
        """
        from hyperclade.learning.tables import plan_table

        return plan_table(self, asked, table, data)

    # ---- what follows ----

    @property
    def package(self) -> str:
        return type(self).__module__.rpartition(".")[0]

    def _config(self) -> Any:
        return import_module(f"{self.package}.config")

    def preset(self, *names: str, seed: int = 0) -> Any:
        """The recipe of a preset, with later ones laid over it; ValueError where there is none."""
        from hyperclade.learning.settings import preset

        return preset(self.recipe(), *names, seed=seed)

    def preset_source(self, name: str) -> Any:
        """How the preset of a data set has its files read."""
        from hyperclade.learning.settings import part_from, read_presets

        given = read_presets(self.package, [name]).get(self.source_name)
        return part_from(self.source(), given, self.source_name)

    def kept(self, source: Any) -> dict[str, Any]:
        """What a run keeps of how its samples were read, as checkpoints hold it."""
        from hyperclade.learning.settings import plain

        return {name: value for name, value in plain(source).items() if name not in self.passing}

    def source_like(self, module: Any, changes: Any = None, *, labels: bool = True) -> Any:
        """How to read samples as those of training were.

        Parameters
        ----------
        module : Learner
            Trained; one that does not say how its samples were read has the standard values.
        changes : dict, optional
            Settings that shall be otherwise.
        labels : bool
            Whether the samples have labels, as in training.
        """
        from dataclasses import fields

        from hyperclade.learning.settings import part_from

        kind, kept = self.source(), module.hparams.get("source") or {}
        left_out = () if labels else self.labelling
        known = {one.name for one in fields(kind)} - set(left_out)
        given = {name: value for name, value in kept.items() if name in known} | dict(changes or {})
        return part_from(kind, given, self.source_name)

    def preset_names(self) -> list[str]:
        """Names of all shipped presets, sorted."""
        from hyperclade.learning.settings import preset_names

        return preset_names(self.package)

    def recipe_from(self, given: dict[str, Any]) -> Any:
        """A recipe from nested dictionaries, as YAML files, `recipe.json` and checkpoints hold them."""
        from hyperclade.learning.settings import recipe_from

        return recipe_from(self.recipe(), given)

    def train(self, recipe: Any, samples: Any, out: Any = None, **options: Any) -> Any:
        """Train on samples; `hyperclade.learning.runs.train` says more."""
        from hyperclade.learning.runs import train

        return train(self, recipe, samples, out, **options)

    def load(self, path: Any, *, device: str = "cpu") -> Any:
        """A trained module in evaluation mode; `hyperclade.learning.runs.load` says more."""
        from hyperclade.learning.runs import load

        return load(self, path, device=device)
