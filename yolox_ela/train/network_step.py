"""One step of training any network: forward, loss, backward, optimizer, average."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from loguru import logger
from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.freezing import freeze, frozen_modules, keep_statistics
from yolox_ela.run_settings import RunSettings
from yolox_ela.system.randomness import seed_generators
from yolox_ela.train.ema import ModelEma
from yolox_ela.train.optimizer import build_optimizer, set_learning_rate
from yolox_ela.train.state_entries import fitted_optimizer, require_fitting
from yolox_ela.train.watch import WeightWatch

Check = Callable[[str, Tensor], None]


class NetworkStep:
    """A network with all that changes its weights.

    Random numbers that the network itself uses at a step, such as dropout's, depend on the seed,
    the step and the process alone.

    Args:
        network: at its starting weights; it is moved to the accelerator's device.
        recipe: settings of optimizer, gradient clipping and average.
        accelerator: device, precision and processes.
        losses: the entries of a loss that are shared between processes, `total_loss` among them.
        divisor: the entry with the number that the losses were divided by (at least 1).
        compile: through torch.compile, on CUDA with one graph for each input size. Off by
            default, since it takes minutes first.

    Attributes:
        network: the plain network.
        model: the same, wrapped by accelerate.
        optimizer: SGD or AdamW, wrapped by accelerate.
        ema: the averaged weights.
        updated: whether any step has been taken, and not skipped because fp16 overflowed.
        skipped: number of steps that were, since this object was made.

    Raises:
        UserError: the recipe asks for SyncBatchNorm, which only CUDA has, or for modules to freeze
            that the network does not have.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: RunSettings,
        accelerator: Accelerator,
        *,
        losses: Sequence[str],
        divisor: str,
        compile: bool = False,
    ) -> None:
        self.recipe, self.accelerator, self.compiled = recipe, accelerator, compile
        self._losses, self._divisor = losses, divisor
        self.updated, self.skipped = False, 0
        frozen = frozen_modules(network, recipe.freeze)
        freeze(network, frozen)
        if frozen:
            left = [p.numel() for p in network.parameters() if p.requires_grad]
            logger.info("frozen: {}; {:,} parameters are trained", _brief(frozen), sum(left))
        self.network = network.to(accelerator.device).to(memory_format=torch.channels_last)
        self.ema = ModelEma(self.network, recipe)
        if recipe.sync_batchnorm:
            _synchronise_batchnorm(self.network, accelerator)
        if compile:
            _compile(self.network, accelerator.device)
        self.model, self.optimizer = accelerator.prepare(
            self.network, build_optimizer(self.network, recipe)
        )
        self.model.train()
        keep_statistics(self.network, [""] if recipe.freeze_batchnorm else frozen)
        self.watch = WeightWatch(self.model, self.ema.model)

    def take(
        self,
        forward: Callable[[], Mapping[str, Any]],
        lr: float,
        *,
        frozen: bool = False,
        check: Check | None = None,
    ) -> Mapping[str, Any]:
        """Change the weights by one batch; without `check`, nothing waits for the device.

        Several processes each pass their share of the batch. The loss is divided by the number of
        what is counted in all shares together, so that the shares' sizes do not matter.

        Args:
            forward: computes the losses of this process's share by `model`, as means over what it
                counts; a mapping with the entries `losses` and `divisor`.
            lr: learning rate.
            frozen: leave the backbone's weights as they are at this step.
            check: is called with "the loss" and, unless fp16 scales it, with "the gradient" and
                its norm, before the weights change; it may raise.

        Returns:
            The losses, of which the mean over all processes is that of the whole batch; when
            compiled, they are valid until the next step.
        """
        seed_generators(self.recipe.seed, self.ema.updates, self.accelerator.process_index)
        set_learning_rate(self.optimizer, lr, frozen=frozen)
        if self.compiled:
            torch.compiler.cudagraph_mark_step_begin()
        losses = self._share(forward())
        if check is not None:
            check("the loss", losses["total_loss"].detach())
        self.optimizer.zero_grad()
        self.accelerator.backward(losses["total_loss"])
        if check is not None and self.accelerator.scaler is None:
            check("the gradient", self._gradient_norm())
        if self.recipe.grad_clip > 0:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.grad_clip)
        self.optimizer.step()
        self.updated = self.updated or not self.optimizer.step_was_skipped
        self.skipped += self.optimizer.step_was_skipped
        self.ema.update()
        return losses

    def require_following(self, lr: float) -> None:
        """Make sure that the average follows the trained weights; see `WeightWatch`.

        Args:
            lr: the learning rate of the last step; with 0 nothing need have moved.

        Raises:
            UserError: it does not.
        """
        if self.updated and lr > 0:
            self.watch.require_following()

    def _gradient_norm(self) -> Tensor:
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        return torch.stack(torch._foreach_norm(gradients)).norm()

    def _share(self, losses: Mapping[str, Any]) -> Mapping[str, Any]:
        """Losses of this process's share, divided by what is counted in the whole batch.

        The network has divided them by its own count. Gradients are averaged over processes
        afterwards, hence the number of processes in the factor.
        """
        world = self.accelerator.num_processes
        if world == 1:
            return losses
        own = losses[self._divisor].detach()
        whole = self.accelerator.reduce(own.clone(), "sum")
        factor = own.clamp(min=1) * world / whole.clamp(min=1)
        return {name: losses[name] * factor for name in self._losses}

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, as plain tensors and numbers."""
        scaler = self.accelerator.scaler
        return {
            "model": self.network.state_dict(),
            "ema": self.ema.model.state_dict(),
            "ema_updates": self.ema.updates,
            "start_weights": self.ema.start,
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
        }

    def load_state_dict(self, state: Mapping[str, Any], source: Path, remedy: str) -> None:
        """Put back what `state_dict` gave; other entries are ignored.

        Args:
            state: the content of a file that `require_state` has accepted.
            source: path of the file, for messages.
            remedy: what to do if it does not fit.

        Raises:
            UserError: it does not fit this network or optimizer; nothing has been changed.
        """
        own, ema = self.network.state_dict(), self.ema.model.state_dict()
        require_fitting(state["model"], own, "model", source, remedy)
        require_fitting(state["ema"], ema, "ema", source, remedy)
        start = state.get("start_weights")
        if self.ema.start is not None:
            require_fitting(start or {}, ema, "start_weights", source, remedy)
        optimizer = fitted_optimizer(state["optimizer"], self.optimizer, source, remedy)
        self.network.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        if self.ema.start is not None:
            device = self.accelerator.device
            self.ema.start = {name: t.to(device) for name, t in (start or {}).items()}
        self.optimizer.load_state_dict(optimizer)
        if state["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.updated = False
        self.watch = WeightWatch(self.model, self.ema.model)


def _brief(names: Sequence[str]) -> str:
    """Names of modules without those that are inside another one of them."""
    return ", ".join(n for n in names if not any(n.startswith(f"{outer}.") for outer in names))


def _synchronise_batchnorm(network: nn.Module, accelerator: Accelerator) -> None:
    """Let BatchNorm normalise by the whole batch instead of by each process's share."""
    if accelerator.device.type != "cuda":
        raise UserError(
            f"sync_batchnorm true needs CUDA GPUs, not {accelerator.device.type}: leave it out"
        )
    if accelerator.num_processes > 1:
        nn.SyncBatchNorm.convert_sync_batchnorm(network)


def _compile(network: nn.Module, device: torch.device) -> None:
    config = torch._dynamo.config  # every input size is a shape of its own
    config.recompile_limit = max(config.recompile_limit, 128)
    network.compile(mode="reduce-overhead" if device.type == "cuda" else "default", dynamic=False)
