"""What a study consists of: its question, methods, recipes, data, and weights beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolox_ela.system.files import is_file


@dataclass(frozen=True)
class Settings:
    """A section of the file: a method, a recipe, data, or weights that stand beside.

    Attributes:
        name: as the section is called.
        fields: the recipe fields that it states, as text.
        exp: the experiment of a method or of weights: a name of the package's own, or a path; see
            `located`.
        base: the named recipe that the fields of a recipe change.
        weights: the file of weights that stand beside, or a name as `eval -c` takes it; see
            `located`.
        label: the name of data in recorded rows; empty for the name of their folder.
    """

    name: str
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    exp: str = ""
    base: str = "paper"
    weights: str = ""
    label: str = ""


@dataclass(frozen=True)
class Study:
    """What a study's file says.

    Attributes:
        path: the file.
        question: the question in words; may be empty.
        baseline: the name of the method that the others are compared with.
        seeds: each method is trained with each of them.
        start: the weights to start from, as `train -c` takes them; see `located`.
        time_limit: how long the runs may take together, as in `2h`; empty for no limit.
        methods: the methods to compare.
        recipes: the recipes to train them by.
        data: the data to train and score them on.
        beside: weights that are evaluated only, and stand beside in the tables.
    """

    path: Path
    question: str
    baseline: str
    seeds: tuple[int, ...]
    start: str
    time_limit: str
    methods: tuple[Settings, ...]
    recipes: tuple[Settings, ...]
    data: tuple[Settings, ...]
    beside: tuple[Settings, ...]

    @property
    def name(self) -> str:
        """What the study is called: as its folder."""
        return self.path.resolve().parent.name


def located(given: str, path: Path) -> str:
    """What a study names by a path, for a command run elsewhere; a name stays as it is.

    Args:
        given: an experiment or weights; a path is meant from the study's folder.
        path: the study's file.
    """
    file = path.parent / given
    is_path = "/" in given or bool(Path(given).suffix)
    return str(file.resolve()) if is_path or is_file(file) else given
