"""The runs of a study: each with its folders, and the words of the command that makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolox_ela.recipe import Recipe
from yolox_ela.study.study_file import ZERO_SHOT
from yolox_ela.study.study_parts import Settings, Study, located

TRAIN, EVALUATE = "train", "eval"
# Recipe fields that an evaluation of other weights must have in common with the trained ones.
OF_EVALUATION = ("test_sets", "classes", "other_classes", "val_fraction", "xml_counts_from")
OPTIONS = {"experiment": "-f", "weights": "-c", "base": "--recipe"}
FLAGS = {ZERO_SHOT: "--zero-shot", "quick": "--quick"}
ALWAYS_SAID = ("image_size", "score_threshold", "nms_iou")


@dataclass(frozen=True)
class Group:
    """What is compared with each other: runs by one recipe on the same data.

    Attributes:
        data: the section of the data.
        recipe: the section of the recipe.
    """

    data: Settings
    recipe: Settings

    @property
    def path(self) -> Path:
        """Where the group's files lie, below each folder that has some."""
        return Path(self.data.name) / self.recipe.name


@dataclass(frozen=True)
class Run:
    """One training, or one evaluation of weights that stand beside.

    Attributes:
        group: what it is compared within.
        method: the method's name, `zero-shot`, or the name of the weights that stand beside.
        seed: the training's seed; None for an evaluation.
        command: `train` or `eval`.
        asked: what the command is asked for, apart from where its files are. A recorded run that
            was asked for something else is not this one.
    """

    group: Group
    method: str
    seed: int | None
    command: str
    asked: Mapping[str, str] = field(hash=False)

    @property
    def path(self) -> Path:
        """Where the run's files lie, below each folder that has some."""
        return self.group.path / (
            self.method if self.seed is None else f"{self.method}-{self.seed}"
        )

    def __str__(self) -> str:
        """The run in a message."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.method}{seed} ({self.group.data.name}, {self.group.recipe.name})"

    def words(self, study: Path) -> list[str]:
        """What is asked for, as words of the command line; `study` is the study's file."""
        words = []
        for key, text in self.asked.items():
            if key in OPTIONS:
                words += [OPTIONS[key], located(text, study) if key != "base" else text]
            elif key in FLAGS:
                words.append(FLAGS[key])
            else:
                words.append(f"{key}={text}")
        return words

    def keywords(self, study: Path) -> dict[str, Any]:
        """The same as keyword arguments of `train_options.parse`."""
        names = {"weights": "checkpoint", "base": "recipe"}
        return {
            names.get(key, key): True
            if key in FLAGS
            else located(text, study)
            if key in ("experiment", "weights")
            else text
            for key, text in self.asked.items()
        }


def groups_of(study: Study) -> list[Group]:
    """Every recipe on all data."""
    return [Group(data, recipe) for data in study.data for recipe in study.recipes]


def trainings(study: Study, *, quick: bool = False) -> list[Run]:
    """Every method in every group with every seed; first all methods with the first seed.

    Args:
        study: the study.
        quick: whether each is to be a trial with a tenth of the epochs and images.
    """
    return [
        Run(group, method.name, seed, TRAIN, _training(study, group, method, seed, quick))
        for group in groups_of(study)
        for seed in study.seeds
        for method in study.methods
    ]


def evaluations(
    study: Study, recipes: Mapping[Path, Recipe], zero_shot: Sequence[Group]
) -> list[Run]:
    """The start without training, and the weights that stand beside.

    Args:
        study: the study.
        recipes: by the path of each group, the settings that its baseline is trained with.
        zero_shot: the groups whose classes the start detects without any training.
    """
    runs = []
    for group in groups_of(study):
        recipe = recipes[group.path]
        settings = _evaluation(recipe)
        if group in zero_shot:
            asked = {ZERO_SHOT: "true", "weights": study.start, "size": recipe.size, **settings}
            runs.append(Run(group, ZERO_SHOT, None, EVALUATE, asked))
        for one in study.beside:
            named = {"experiment": one.exp, "weights": one.weights}
            asked = {**named, **settings, **one.fields}
            runs.append(Run(group, one.name, None, EVALUATE, asked))
    return runs


def _training(
    study: Study, group: Group, method: Settings, seed: int, quick: bool
) -> dict[str, str]:
    trial = {"quick": "true"} if quick else {}
    return {
        "experiment": method.exp,
        "weights": study.start,
        "base": group.recipe.base,
        **trial,
        **group.recipe.fields,
        **group.data.fields,
        **method.fields,
        "seed": str(seed),
    }


def _evaluation(recipe: Recipe) -> dict[str, str]:
    """The settings of a recipe that its evaluation depends on, as text."""
    stated = filter(recipe.names, OF_EVALUATION)
    return {name: _word(getattr(recipe, name)) for name in (*stated, *ALWAYS_SAID)}


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) + ("," if len(value) == 1 else "")
    return str(value)
