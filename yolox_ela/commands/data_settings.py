"""The sets and classes of an experiment, where it leaves them to the data."""

from collections.abc import Sequence

from loguru import logger

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import did_you_mean, override
from yolox_ela.recipe import Recipe


def fitted_to_data(exp: Experiment, reader: Reader, *, training: bool) -> Experiment:
    """The experiment with the data's own sets and classes where it names none.

    Args:
        exp: the experiment; the recipe's default sets and VOC's classes count as not named.
        reader: the data.
        training: whether there must be a set to train on; otherwise only sets to evaluate on are
            looked at.

    Raises:
        UserError: the data have no such set or no classes, or a class is misspelled.
    """
    exp = _with_sets_of(exp, reader, training=training)
    sets = [*exp.train_sets, *exp.test_sets] if training else list(exp.test_sets)
    return _with_classes_of(exp, reader, list(dict.fromkeys(sets)))


def _with_sets_of(exp: Experiment, reader: Reader, *, training: bool) -> Experiment:
    """The experiment with the data's own sets in the place of the recipe's defaults."""
    train, test = exp.train_sets, exp.test_sets
    if train == Recipe.train_sets or test == Recipe.test_sets:
        own_train, own_test = reader.default_sets()
        train = tuple(own_train) if train == Recipe.train_sets else train
        test = tuple(own_test) if test == Recipe.test_sets else test
    there = ", ".join(reader.sets())
    if training and not train:
        raise UserError(
            f"{reader.root} ({reader.layout}) has no set to train on; it has {there}: name one, as "
            f"in: train_sets {reader.sets()[0]}"
        )
    if not test:
        raise UserError(
            f"{reader.root} ({reader.layout}) has no set to evaluate on; it has {there}: name one "
            "with test_sets, or divide it first: dataset.py split"
        )
    return override(exp, {"train_sets": train or exp.train_sets, "test_sets": test})


def _with_classes_of(exp: Experiment, reader: Reader, sets: Sequence[str]) -> Experiment:
    """The experiment with the data's own classes, unless it names classes itself."""
    own = reader.class_names(sets)
    if exp.classes != VOC_CLASSES:
        _require_spelled(exp.classes, own, reader)
        return exp
    if not own:
        raise UserError(
            f"no classes are named in {reader.root} ({reader.layout}): name them, as in: classes "
            "cat,dog"
        )
    if own == exp.classes:
        return exp
    logger.info("{} classes of the data: {}", len(own), ", ".join(own))
    return override(exp, {"classes": own})


def _require_spelled(named: Sequence[str], own: Sequence[str], reader: Reader) -> None:
    """Raise UserError for a named class that never occurs, while another nearly of its name does.

    A class that no name of the data comes near may be one without objects, and is let through.
    """
    others = [name for name in own if name not in named]
    for name in named:
        hint = "" if name in own else did_you_mean(name, others)
        if hint:
            raise UserError(f"classes names '{name}', which never occurs in {reader.root}; {hint}")
