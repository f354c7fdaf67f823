"""From a file of weights to a network that is ready to run."""

from pathlib import Path

from yolox_ela.experiment import Experiment
from yolox_ela.images.values import ValueRange
from yolox_ela.input_size import ImageSize
from yolox_ela.network.class_rows import row_names
from yolox_ela.network.runner import Runner, torch_runner
from yolox_ela.network.weights import load_trained
from yolox_ela.overrides import override
from yolox_ela.system.device import select_device
from yolox_ela.trained import load_trained_file


def load_runner(
    path: Path,
    experiment: str | Path | Experiment | None = None,
    *,
    image_size: ImageSize | None = None,
    device: str = "auto",
    attention: str = "",
) -> Runner:
    """The network in a file; for the arguments and errors, see `Detector.from_checkpoint`."""
    trained = load_trained_file(path, experiment)
    exp, content, state = trained.experiment, trained.content, trained.state
    exp = override(
        exp, {"classes": row_names(content, state, exp.classes, path), "attention": attention}
    )
    model = exp.build_model()
    load_trained(model, state, path)
    return torch_runner(
        model,
        exp.classes,
        image_size=image_size or exp.image_size,
        device=select_device(device),
        values=ValueRange.recorded(content),
    )
