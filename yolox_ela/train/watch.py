"""A guard over a run: the weights that are kept must follow the weights that are trained."""

import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError

NOTICEABLE = 1e-2  # relative change of a tensor's norm that no rounding can hide in an average


class WeightWatch:
    """Compares how far the trained and the averaged weights have moved since it was made.

    It walks through both networks at each look and remembers norms, not tensors, so it cannot
    itself look at tensors that have been replaced.

    Args:
        trained: the network whose forward pass is trained, as wrapped by accelerate.
        averaged: the network that is evaluated and saved, of the same structure.
    """

    def __init__(self, trained: nn.Module, averaged: nn.Module) -> None:
        self._trained, self._averaged = trained, averaged
        self._names = [name.removeprefix("module.") for name, _ in trained.named_parameters()]
        self._before = self._norms()

    def require_following(self) -> None:
        """To be called after steps with a learning rate above 0.

        Raises:
            UserError: no weight has moved, or the average does not follow the weights.
        """
        trained, averaged = self._norms()
        old_trained, old_averaged = self._before
        moved = (trained - old_trained).abs() > NOTICEABLE * old_trained
        left = torch.nonzero(moved & (averaged == old_averaged)).flatten().tolist()
        if left:
            raise UserError(
                f"the averaged weights do not follow the trained ones: {len(left)} of "
                f"{len(self._names)} parameters were trained while their average stayed as it was "
                f"(first: {self._names[left[0]]}). What would be saved is not what was trained, "
                "so the run ends here; please report this with environment.json"
            )
        if torch.equal(trained, old_trained):
            what = "the average moves but" if not torch.equal(averaged, old_averaged) else "so far"
            raise UserError(
                f"{what} no weight of the trained network has changed: the learning rate is too "
                "small for any (see lr), every gradient is 0, or the optimizer updates other "
                "tensors than the network computes with. Training would be in vain, so the run "
                "ends here; if lr is not the reason, please report this with environment.json"
            )

    @torch.no_grad()
    def _norms(self) -> tuple[Tensor, Tensor]:
        """Norms of the parameters of both networks, (P,) float64 each."""
        return _norms(self._trained), _norms(self._averaged)


def _norms(network: nn.Module) -> Tensor:
    # MPS has no float64; there the sum is exact enough as it always adds up in the same order.
    parameters = [parameter.detach() for parameter in network.parameters()]
    exact = parameters[0].device.type != "mps"
    norms = [(p.double() if exact else p).norm() for p in parameters]
    return torch.stack(norms).cpu().double()
