"""From a file of weights, or an exported file, to a network that is ready to run."""

from pathlib import Path
from typing import NamedTuple

from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment, network_of
from yolox_ela.export.formats import is_exported
from yolox_ela.export.runtimes import open_exported, runner_of
from yolox_ela.images.values import ValueRange
from yolox_ela.input_size import ImageSize
from yolox_ela.network.class_rows import row_names
from yolox_ela.network.model import Yolox
from yolox_ela.network.runner import Runner, torch_runner
from yolox_ela.network.weights import load_trained
from yolox_ela.overrides import override
from yolox_ela.system.device import select_device
from yolox_ela.trained import load_trained_file


class Loaded(NamedTuple):
    """A network with trained weights.

    Attributes:
        model: the network.
        experiment: its experiment, with the classes of the weights.
        values: the value of white in pictures of more than 8 bits.
    """

    model: Yolox
    experiment: Experiment
    values: ValueRange


def load_network(
    path: Path, experiment: str | Path | Experiment | None = None, *, attention: str = ""
) -> Loaded:
    """The network in a file of weights; see `Detector.from_checkpoint`."""
    trained = load_trained_file(path, experiment)
    exp, content, state = trained.experiment, trained.content, trained.state
    exp = override(
        exp, {"classes": row_names(content, state, exp.classes, path), "attention": attention}
    )
    model = network_of(exp)
    load_trained(model, state, path)
    return Loaded(model, exp, ValueRange.recorded(content))


def load_runner(
    path: Path,
    experiment: str | Path | Experiment | None = None,
    *,
    image_size: ImageSize | None = None,
    device: str = "auto",
    attention: str = "",
) -> Runner:
    """The network in a file; for the arguments and errors, see `Detector.from_checkpoint`."""
    if is_exported(path):
        if experiment is not None or attention:
            raise UserError(
                f"{path} is an exported network, which needs no experiment: leave it out"
            )
        return runner_of(open_exported(path, device), image_size=image_size)
    model, exp, values = load_network(path, experiment, attention=attention)
    return torch_runner(
        model,
        exp.classes,
        image_size=exp.image_size if image_size is None else image_size,
        device=select_device(device),
        values=values,
    )
