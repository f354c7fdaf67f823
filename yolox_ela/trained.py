"""Trained weights, and the experiment that builds the network they belong to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.exp_file import own_experiments
from yolox_ela.experiment import BASELINE, Experiment, load_experiment
from yolox_ela.network.weights import read_checkpoint, state_dict_of
from yolox_ela.overrides import override, recorded_settings
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import setting_fields

ATTENTION = "backbone.attention."
# Settings that decide how the network is built and what its input is.
DATA_SETTINGS = ("xml_counts_from", "val_fraction")  # how the data of its run are read
NETWORK_SETTINGS = ("image_size", "attention_start", "share_sites", "size", "sites", "attention")


@dataclass(frozen=True)
class Trained:
    """A file of weights with its experiment.

    Attributes:
        path: the file.
        content: everything in it; see `read_checkpoint`.
        state: its network's tensors; see `state_dict_of`.
        experiment: the experiment with the settings that the file records.
    """

    path: Path
    content: dict[str, Any]
    state: dict[str, Tensor]
    experiment: Experiment


def load_trained_file(
    path: Path, experiment: str | Path | Experiment | None = None, *, adopt: bool = True
) -> Trained:
    """Read weights and find their experiment.

    Args:
        path: the file of weights.
        experiment: the experiment they were trained with, its file, or the name of one of the
            package's own. Without it, a run's weights name their experiment, which must be one of
            the package's own and then gets all settings of the run; weights from elsewhere that
            have no attention belong to the baseline.
        adopt: whether an experiment that is given takes the classes and the network's settings
            from the file; see `adopt_checkpoint`.

    Raises:
        UserError: a file is missing or damaged, or the experiment cannot be told and must be given.
    """
    if experiment is not None and not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    content = read_checkpoint(path)
    require_yolox(content, path)
    state = state_dict_of(content, path)
    if experiment is None:
        exp = recorded_experiment(content, state, path)
    else:
        exp = adopt_checkpoint(experiment, content) if adopt else experiment
    return Trained(path, content, state, exp)


def adopt_checkpoint(experiment: Experiment, content: Mapping[str, Any]) -> Experiment:
    """The experiment with what a checkpoint records of its network: the classes, the input size,
    the scale of the attention's gates, whether sites share their attention, and the size,
    attention and sites that were chosen on a command line; and how the data of its run were read.

    A file that defines the attention is not run because a checkpoint names it: unless the
    experiment names the same, its build says what is missing.
    """
    recorded: dict[str, Any] = {}
    if "classes" in content:
        recorded["classes"] = tuple(content["classes"])
    if "recipe" in content:
        recorded["attention_start"] = "paper"  # of runs before there was a choice
        saved = recorded_settings(content["recipe"])
        recorded |= {
            name: saved[name] for name in (*NETWORK_SETTINGS, *DATA_SETTINGS) if name in saved
        }
        if experiment.attention == saved.get("attention"):
            recorded.pop("attention", None)  # the experiment's own word for it is no file's word
    return override(experiment, recorded)


def adopt_run(experiment: Experiment, content: Mapping[str, Any]) -> Experiment:
    """The experiment with all settings of the run that has written a checkpoint.

    Args:
        experiment: the run's experiment, as its file has it.
        content: everything in the checkpoint, with the run's `recipe`.
    """
    known = {field.name for field in setting_fields(experiment)}
    saved = {k: v for k, v in recorded_settings(content["recipe"]).items() if k in known}
    if experiment.attention == saved.get("attention"):
        saved.pop("attention", None)  # see `adopt_checkpoint`
    # A run records its sets whether they were named or not: other data may give their own.
    for name in ("train_sets", "test_sets"):
        if saved.get(name) == getattr(Recipe, name):
            saved[name] = getattr(Recipe, name)
    return adopt_checkpoint(override(experiment, saved), content)


def package_name_of(recipe: Recipe) -> str:
    """Under which name the package itself has an experiment; empty for anybody else's."""
    return recipe.package_name if isinstance(recipe, Experiment) else ""


def recorded_experiment(
    content: Mapping[str, Any], state: Mapping[str, Tensor], path: Path
) -> Experiment:
    """The experiment that a file of weights records, which must be one of the package's own.

    Args:
        content: everything in the file; see `read_checkpoint`.
        state: its network's tensors.
        path: the file.

    Raises:
        UserError: it names none, or somebody else's.
    """
    if "recipe" not in content:
        if any(name.startswith(ATTENTION) for name in state):
            raise UserError(
                f"{path} has attention and does not say of which experiment: name it with -f, as "
                "in -f nano_ela_s"
            )
        return adopt_checkpoint(load_experiment(BASELINE), content)
    name = recorded_name(content, own_experiments(), path)
    return adopt_run(load_experiment(name), content)


def recorded_name(content: Mapping[str, Any], known: Collection[str], path: Path) -> str:
    """Under which name the package itself has the experiment of a run's weights.

    Args:
        content: everything in the file, with the run's `recipe`.
        known: the names of the package's experiments.
        path: the file.

    Raises:
        UserError: the experiment is somebody else's.
    """
    name = content.get("experiment", content["recipe"].get("name", ""))
    found = content.get("package_experiment", name)  # earlier versions recorded the name alone
    if found not in known:
        raise UserError(
            f"{path} was trained as '{name}', which is none of the package's own experiments: "
            "give the experiment's file with -f (files that weights name are never run)"
        )
    return found


def is_of_other_network(content: Mapping[str, Any]) -> bool:
    """Whether weights are of a run that trained another network than YOLOX."""
    return "task" in content.get("recipe", {})


def require_yolox(content: Mapping[str, Any], path: Path) -> None:
    """Raise UserError for weights of a run that trained another network."""
    if is_of_other_network(content):
        raise UserError(
            f"{path} is of another network than YOLOX ({content['recipe']['task']}), which only "
            "train, eval, explain and report take, with its own experiment"
        )
