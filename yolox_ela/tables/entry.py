"""The row that a scored run gets in results.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.experiment import BASELINE, Experiment
from yolox_ela.network.starts import Start
from yolox_ela.recipe import Recipe
from yolox_ela.system.environment import describe_environment, source_commit
from yolox_ela.tables.record import RunRow
from yolox_ela.tables.settings import model_fields, settings_text

# Protocol: sets and images to train on; all are tested on the same images.
STANDARD = {
    "voc07": ("2007/trainval", 5_011),
    "voc0712": ("2007/trainval + 2012/trainval", 16_551),
}
STANDARD_TEST = ("2007/test", 4_952)


@dataclass(frozen=True)
class Origin:
    """Where weights come from, in columns of `RunRow`; empty where nothing is known."""

    start: str
    start_sha256: str
    settings: str
    commit: str
    epochs: int | None = None
    seed: int | None = None
    train_sets: str = ""
    train_images: int | None = None
    weights: str = ""


def zero_shot_origin(exp: Experiment, start: Start) -> Origin:
    """The origin of COCO weights that were not trained any further."""
    of_attention = ("attention", "sites", "share_sites")  # which untrained weights have not
    fields = {k: v for k, v in model_fields(exp).items() if k not in of_attention}
    settings = settings_text(fields, exp)
    return Origin(start.name, start.sha256, settings, source_commit(), epochs=0)


def checkpoint_origin(
    content: Mapping[str, Any], exp: Experiment, path: Path, start: Start
) -> Origin:
    """What a checkpoint says of the run that wrote it; little if no run of ours wrote it.

    Args:
        content: the file's content; see `Training`.
        exp: the experiment that the weights are evaluated as.
        path: the file's path.
        start: the weights that the run started from, or the file itself if no run of ours wrote
            it; see `starts`.

    Raises:
        UserError: the checkpoint belongs to an experiment of another name.
    """
    if "recipe" not in content:
        settings = settings_text(model_fields(exp), exp)
        return Origin(start.name, start.sha256, settings, source_commit())
    recipe = content["recipe"]
    trained_as = content.get("experiment", recipe["name"])
    if trained_as != exp.name:
        raise UserError(
            f"{path} was trained as '{trained_as}' and would be recorded as '{exp.name}'; give the "
            f"experiment it was trained with (-f), or its name as in: name {trained_as}"
        )
    weights = content.get("weights", "state" if "ema" in content else "")
    if weights == "last" and content.get("epoch", recipe["epochs"]) < recipe["epochs"]:
        weights = f"epoch {content['epoch']}"
    return Origin(
        start=start.name,
        start_sha256=start.sha256,
        settings=settings_text(recipe, exp),
        commit=content.get("commit", ""),
        epochs=recipe["epochs"],
        seed=recipe["seed"],
        train_sets=_sets(recipe["train_sets"]),
        train_images=content.get("train_images"),
        weights=weights,
    )


def require_scores(split: VocSplit, what: str = "--record") -> None:
    """Raise UserError if an evaluation of the split will have no scores, which `what` needs."""
    if split.difficult.all():  # or there are no objects
        raise UserError(
            f"{what}: there will be no scores, since no object of the test set counts (those "
            f"marked as difficult do not); leave {what} out, or name other test sets"
        )


def run_row(
    exp: Experiment,
    origin: Origin,
    results: Mapping[str, Any],
    *,
    data: str,
    device: torch.device,
    processes: int = 1,
    ids: Path | None = None,
) -> RunRow:
    """The row of an evaluation that has just been made.

    Args:
        exp: the experiment with the settings of the evaluation.
        origin: where the weights come from.
        results: the scores, as `score_detections` returns them.
        data: the name of the data.
        device: the device that evaluated.
        processes: the number of processes that evaluated.
        ids: the list of images that the evaluation was limited to; None for all.
    """
    test_sets = _sets(exp.test_sets) + (f", images of {ids.name}" if ids else "")
    protocol = "custom"
    if (test_sets, results["images"]) == STANDARD_TEST and "classes=" not in origin.settings:
        trained_on = (origin.train_sets, origin.train_images)
        protocol = next((name for name, sets in STANDARD.items() if sets == trained_on), protocol)
    return RunRow(
        exp=_baseline(exp) if origin.epochs == 0 else exp.name,  # zero-shot has no attention
        data=data,
        protocol=protocol,
        test_sets=test_sets,
        test_images=results["images"],
        image_size=exp.image_size,
        score_threshold=exp.score_threshold,
        nms_iou=exp.nms_iou,
        per_class="; ".join(
            f"{name} {100 * scores['ap50_voc07']:.2f}"
            for name, scores in results["per_class"].items()
        ),
        machine=_machine(device, processes),
        date=datetime.now(timezone.utc).date().isoformat(),
        **{key: results[key] for key in METRICS},
        **asdict(origin),
    )


def _baseline(exp: Experiment) -> str:
    """The name of the experiment's size without attention."""
    return BASELINE if exp.size == Recipe.size else f"{BASELINE}-size={exp.size}"


def _sets(sets: Sequence[str]) -> str:
    return " + ".join(sorted(sets))


def _machine(device: torch.device, processes: int) -> str:
    environment = describe_environment(device, processes)
    if environment["gpu"]:
        return f"{processes} x {environment['gpu']}" if processes > 1 else environment["gpu"]
    return f"{environment['processor']}, {environment['cores']} cores"
