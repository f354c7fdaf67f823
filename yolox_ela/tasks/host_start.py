"""The weights that a training of another network than YOLOX starts from."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.network.starts import RANDOM, Start, start_of_file
from yolox_ela.network.weights import LoadReport, plain_state, read_checkpoint, weights_digest
from yolox_ela.tasks.host_recipe import HostRecipe

SHOWN = 3  # tensors of a head that a report names


def load_start(recipe: HostRecipe, network: nn.Module, weights: Path | None) -> Start:
    """Load the weights to start from into a new network, by name.

    A head that has another number of classes in the file starts at random, and so does attention
    that the file does not have.

    Args:
        recipe: says what the network's heads are.
        network: as the recipe built it.
        weights: the file, such as a run's or that of torchvision; None leaves random weights.

    Raises:
        UserError: the file is no file of weights, or not of this network.
    """
    if weights is None:
        digest = weights_digest(network.state_dict())
        return Start(RANDOM, digest, f"random, seed {recipe.seed}")
    state = plain_state(read_checkpoint(weights), weights)
    report, heads = load_by_name(recipe, network, state, weights)
    text = str(report)
    if heads:
        more = f" and {len(heads) - SHOWN} more" if len(heads) > SHOWN else ""
        text += f"; {', '.join(heads[:SHOWN])}{more} of other classes or missing, at random"
    return replace(start_of_file(weights, state), report=f"{weights}: {text}")


def load_by_name(
    recipe: HostRecipe, network: nn.Module, state: Mapping[str, Tensor], source: Path
) -> tuple[LoadReport, list[str]]:
    """Load tensors that have the network's names and shapes.

    Returns:
        What was loaded, and the heads that were not.

    Raises:
        UserError: a tensor that is neither a head's nor attention's is missing, or another one.
    """
    own = network.state_dict()
    named = _names_in(own, state)
    report = LoadReport(unused=[name for name in state if name not in named.values()])
    foreign, heads, loaded = [], [], {}
    for name, tensor in own.items():
        given = state.get(named.get(name, ""))
        if given is not None and given.shape == tensor.shape:
            report.loaded.append(name)
            loaded[name] = given
        elif name.split(".")[0] in recipe.heads:
            heads.append(name)
        elif given is None and name.startswith("attention."):
            report.new.append(name)
        elif not name.endswith("num_batches_tracked"):
            foreign.append(name)
    if foreign or not any(not name.startswith("attention.") for name in loaded):
        first = (foreign or heads or list(own))[0]
        raise UserError(
            f"{source} does not fit the network of {recipe.name}: {max(1, len(foreign))} of its "
            f"tensors are missing from the file or have another shape (first: {first}); give "
            "weights of the same network, or leave -c out to start at random"
        )
    network.load_state_dict(loaded, strict=False)
    return report, heads


def _names_in(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, str]:
    """For each tensor of the network its name in the file.

    Weights of a classifier serve as the `backbone` of a larger network.
    """
    prefix = "backbone."
    bare = not any(name.startswith(prefix) for name in state)
    names = {}
    for name in own:
        given = name.removeprefix(prefix) if bare and name not in state else name
        if given in state:
            names[name] = given
    return names
