"""The data that weights are evaluated on if the command line names none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.run_settings import RunSettings
from yolox_ela.tables.entry import STANDARD
from yolox_ela.train.run_files import read_environment
from yolox_ela.train.task import Samples

REMEDY = "give the folder of the data with --data"


def data_of_weights(path: Path, content: Mapping[str, Any], home: Path) -> Path | None:
    """The folder of the data that a run's weights were evaluated on.

    environment.json says it, which lies beside the weights and moves with them.

    Args:
        path: the file of weights.
        content: everything in it; see `read_checkpoint`.
        home: the folder that holds datasets/.

    Returns:
        The folder; None for VOC in datasets/, which is where weights are evaluated that come from
        elsewhere, or from a run on all of VOC2007.

    Raises:
        UserError: a run's data are not where they were, or nothing says where they are.
    """
    if "recipe" not in content:
        return None
    environment = path.parent / "environment.json"
    folder = _recorded_folder(environment)
    if folder is not None:
        if not folder.exists():
            raise UserError(
                f"the data of the run that trained {path} are no longer at {folder} (recorded in "
                f"{environment}): {REMEDY}"
            )
        return None if folder.resolve() == (home / "datasets").resolve() else folder
    train_sets = content["recipe"].get("train_sets", ())
    trained_on = " + ".join(sorted(train_sets)), content.get("train_images")
    if trained_on in STANDARD.values():
        return None
    raise UserError(
        f"nothing says on which data {path} was trained: there is no {environment} with it; "
        f"{REMEDY}, or put the weights back into the folder of their run"
    )


def compare_with_run(
    content: Mapping[str, Any],
    recipe: RunSettings,
    samples: Samples,
    data: Path,
    path: Path,
    *,
    named: bool,
) -> None:
    """Make sure that data which nobody named hold the test images and objects of the run.

    Other test sets or classes than the run's are asked for on purpose and cannot be compared.

    Args:
        content: everything in the file of weights.
        recipe: the settings of the evaluation.
        samples: the images to evaluate on, and what is to be found in them.
        data: the folder they are from.
        path: the file of weights, for messages.
        named: whether the user named the data. Then they may be others, and only images that
            `val_fraction` sets aside are warned of, since the run may have trained on them.

    Raises:
        UserError: images or objects have changed since the run.
    """
    saved = content.get("recipe", {})
    if saved.get("overfit") or saved.get("quick"):
        return  # a trial was evaluated on a part of the images
    settings = recipe.to_dict()
    sets = _test_sets(settings)
    same_question = _test_sets(saved) == sets and (
        tuple(content.get("classes", ())) == recipe.classes
    )
    now = samples.fingerprint()
    if not same_question or content.get("test_data", now) == now:
        return
    if not named:
        raise UserError(
            f"{' + '.join(sets) or 'the test set'} in {data} is not what {path} was evaluated on "
            "during its run: images or boxes have changed. Put the old files back, or name the "
            "data to evaluate on with --data"
        )
    if settings.get("val_fraction"):
        logger.warning(
            "val_fraction {:g} sets other images of {} aside than in the run of {}: if that was "
            "trained on these data before they changed, it has seen some of the images",
            settings["val_fraction"],
            data,
            path,
        )


def _test_sets(settings: Mapping[str, Any]) -> list[str]:
    """The sets to evaluate on that settings name; none for the data's own."""
    several = settings.get("test_sets") or [settings.get("test_set")]
    return [name for name in several if name]


def _recorded_folder(environment: Path) -> Path | None:
    """The folder in the newest entry of a run's environment.json; None if there is none."""
    if not environment.exists():
        return None
    newest = read_environment(environment.parent, REMEDY)[-1]
    if "data" not in newest:
        raise UserError(f"{environment} does not say where the run's data are: {REMEDY}")
    return Path(newest["data"])
