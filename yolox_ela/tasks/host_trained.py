"""Trained weights of another network than YOLOX, and the experiment that builds it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.exp_file import host_experiments
from yolox_ela.experiment import load_trainable
from yolox_ela.network.weights import plain_state, read_checkpoint
from yolox_ela.overrides import override, recorded_settings
from yolox_ela.run_settings import setting_fields
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.trained import is_of_other_network, recorded_name


@dataclass(frozen=True)
class TrainedHost:
    """A file of weights with its experiment.

    Attributes:
        path: the file.
        content: everything in it; see `read_checkpoint`.
        experiment: the experiment with the settings of the run that wrote the file.
    """

    path: Path
    content: dict[str, Any]
    experiment: HostRecipe

    def network(self, experiment: HostRecipe) -> nn.Module:
        """The network of an experiment, which has the classes, with the weights.

        Raises:
            UserError: it cannot be built, or the weights are those of another one.
        """
        network = experiment.build_model()
        try:
            network.load_state_dict(plain_state(self.content, self.path))
        except RuntimeError as error:
            raise UserError(
                f"{self.path} does not fit the network of {experiment.name}: give the experiment "
                "that it was trained with by -f"
            ) from error
        return network


def load_trained_host(path: Path, experiment: Path | None = None) -> TrainedHost:
    """Read weights and find their experiment.

    All settings are those of the run that has written the file, if a run has.

    Args:
        path: the file of weights.
        experiment: the experiment's file or name; None for the one that the weights name, which
            must be one of the package's own.

    Raises:
        UserError: a file is missing or damaged, the experiment cannot be told, or it trains
            something else than the weights are of.
    """
    content = read_checkpoint(path)
    if "recipe" in content and not is_of_other_network(content):
        raise UserError(f"{path} is of YOLOX, which {experiment} does not train: leave -f out")
    name = experiment or recorded_name(content, host_experiments(), path)
    exp = load_trainable(name)
    task = content.get("recipe", {}).get("task")
    if not isinstance(exp, HostRecipe) or task not in (None, exp.task):
        raise UserError(f"{name} does not train what {path} is of, {task}: name its experiment")
    known = {field.name for field in setting_fields(exp)}
    saved = {k: v for k, v in recorded_settings(content.get("recipe", {})).items() if k in known}
    for code in ("attention", "network"):  # an experiment's own word for a file is no file's word
        if code in saved and saved[code] == getattr(exp, code):
            del saved[code]
    exp = override(exp, saved)
    exp.validate()
    return TrainedHost(path, content, exp)
