"""The step at which numbers were no longer finite, once more: where they come from.

    python -m yolox_ela.train.replay runs/NAME/nonfinite_rank0.pth [--device cpu] [-f EXPERIMENT]

It computes the step of the dump forward and backward, and names the first layer whose output, or
else the first whose gradient, is not finite.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from yolox_ela.augment.multiscale import network_input
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment, network_of
from yolox_ela.freezing import freeze, frozen_modules, keep_statistics
from yolox_ela.network.model import LOSSES
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.recipe import Recipe
from yolox_ela.schema import ANYTHING, COUNT, Kind, listed, optional, record, require
from yolox_ela.system.logs import ignore_foreign_warnings
from yolox_ela.system.randomness import seed_generators
from yolox_ela.train.accelerator import build_accelerator, state_of_caller
from yolox_ela.trained import adopt_run, recorded_experiment


def _tensor(dims: int) -> Kind:
    return Kind(
        f"a tensor of {dims} dimensions", lambda v: isinstance(v, Tensor) and v.dim() == dims
    )


DUMP = record(
    {
        "step": COUNT,
        "process": COUNT,
        "input_size": listed(COUNT, 2),
        "use_l1": Kind("true or false", lambda value: isinstance(value, bool)),
        "last_batch_images": _tensor(4),
        "last_batch_targets": _tensor(3),
        "model": ANYTHING,
        "recipe": ANYTHING,  # `read_checkpoint` has checked it
        "class_weights": optional(_tensor(1)),
    }
)


@state_of_caller()
def replay(path: Path, *, experiment: str | Path | None = None, device: str = "auto") -> str:
    """Compute the step of a dump again.

    Args:
        path: what a run that ended by such numbers has written; see `FiniteGuard`.
        experiment: the experiment or its file; needed unless it is one of the package's own.
        device: where to compute, as `select_device` takes it.

    Returns:
        Where the first number that is not finite comes from, in a sentence.

    Raises:
        UserError: the file is no such dump, or the device cannot compute in the run's precision.
    """
    content = read_checkpoint(path)
    require(content, DUMP, path, "give the nonfinite_rankN.pth of a run that ended by such numbers")
    if experiment is None:
        recipe = recorded_experiment(content, {}, path)
    else:
        recipe = adopt_run(load_experiment(experiment), content)
    accelerator = build_accelerator(device, recipe.precision)
    network = network_of(recipe)
    try:
        network.load_state_dict(content["model"])
    except (AttributeError, RuntimeError) as error:
        raise UserError(
            f"{path} is of another network than the experiment's: name it with -f"
        ) from error
    network.head.class_weights = content["class_weights"]
    frozen = frozen_modules(network, recipe.freeze)
    freeze(network, frozen)
    network.to(accelerator.device, memory_format=torch.channels_last).train()
    keep_statistics(network, [""] if recipe.freeze_batchnorm else frozen)
    network.head.use_l1 = content["use_l1"]
    search = Search(network)
    seed_generators(recipe.seed, content["step"] - 1, content["process"])
    images = content["last_batch_images"].to(accelerator.device)
    targets = content["last_batch_targets"].to(accelerator.device)
    images, targets = network_input(images, targets, tuple(content["input_size"]))
    with accelerator.autocast():
        losses = network(images, targets)
    losses["total_loss"].backward()
    return f"step {content['step']} on {accelerator.device}: {_sentence(search, losses, recipe)}"


class Search:
    """Notes where the numbers of a network are first not finite, forward and backward.

    Args:
        network: the network; its modules and parameters are watched from here on.
    """

    def __init__(self, network: nn.Module) -> None:
        self.weights = [name for name, p in network.named_parameters() if not _finite(p)]
        self.output = self.gradient = ""
        for name, module in network.named_modules():
            if name:
                module.register_forward_hook(self._look_at(f"{name} ({type(module).__name__})"))
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                parameter.register_hook(self._look_at_gradient(f"of {name}"))

    def _look_at(self, name: str) -> Any:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            if not self.output and not _finite(output):
                self.output = name
            if output.requires_grad:
                output.register_hook(self._look_at_gradient(f"that arrives at {name}"))

        return look

    def _look_at_gradient(self, name: str) -> Any:
        def look(gradient: Tensor) -> None:
            if not self.gradient and not _finite(gradient):
                self.gradient = name

        return look


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.detach().isfinite().all())


def _sentence(search: Search, losses: dict[str, Any], recipe: Recipe) -> str:
    wrong = [name for name in LOSSES[:5] if not _finite(torch.as_tensor(losses[name]))]
    before = ""
    if search.weights:
        more = f" and {len(search.weights) - 1} more" if len(search.weights) > 1 else ""
        before = f"before it, {search.weights[0]}{more} was not finite; "
    if search.output:
        return f"{before}the first layer whose output is not finite is {search.output}"
    if wrong:
        return f"{before}all layers' outputs are finite, but not the losses {', '.join(wrong)}"
    if search.gradient:
        return (
            f"{before}outputs and losses are finite; the first gradient that is not finite is the "
            f"one {search.gradient}"
        )
    return (
        f"{before}all outputs, losses and gradients are finite here, in {recipe.precision}: the "
        "update of the weights was too large (see lr and grad_clip), or the device computes it "
        "otherwise"
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Replay a step whose numbers were not finite.")
    parser.add_argument("dump", type=Path, help="nonfinite_rankN.pth in a run's folder")
    parser.add_argument("-f", dest="experiment", help="experiment, if it is none of the package's")
    parser.add_argument("--device", default="auto", help="where to compute (default: auto)")
    args = parser.parse_args()
    ignore_foreign_warnings()
    try:
        print(replay(args.dump, experiment=args.experiment, device=args.device))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
