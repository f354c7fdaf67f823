"""`-b auto`: the largest batch that fits into the memory of a GPU, found by trial."""

import gc
from collections.abc import Callable

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from loguru import logger

from yolox_ela.augment.feed import GPU_SHARE
from yolox_ela.augment.loader import steps_per_epoch
from yolox_ela.augment.multiscale import network_input
from yolox_ela.errors import UserError
from yolox_ela.freezing import freeze, frozen_modules
from yolox_ela.input_size import InputSize
from yolox_ela.network.copying import copy_network
from yolox_ela.network.model import Yolox
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.train.optimizer import build_optimizer

FINEST = 8  # the found batch is exact to an eighth of itself
OBJECTS = 120  # of each image of a trial: as many as a crowded mosaic has


def largest_batch(attempt: Callable[[int], None], most: int) -> int:
    """The largest batch size for which a trial does not run out of memory.

    It is doubled until it no longer fits, then the gap is halved until it is small.

    Args:
        attempt: takes a step with this many images; raises torch.OutOfMemoryError if they do not
            fit.
        most: sizes above it are not tried.

    Raises:
        UserError: not even one image fits.
    """

    def fits(size: int) -> bool:
        try:
            attempt(size)
        except torch.OutOfMemoryError:
            return False
        return True

    low, high = 0, 1
    while high <= most and fits(high):
        low, high = high, 2 * high
    if low == 0:
        raise UserError(
            "-b auto: not even one image fits into the GPU's memory: lower --image-size, or stop "
            "what else uses the GPU"
        )
    if high > most:
        if fits(most):
            return most
        high = most
    while high - low > max(1, low // FINEST):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def require_cuda(device: torch.device) -> None:
    """Raise UserError if batch sizes cannot be tried on a device."""
    if device.type != "cuda":
        raise UserError(
            f"-b auto finds the largest batch that fits into a CUDA GPU, and this runs on "
            f"{device.type}: give a number, as in -b 16"
        )


def choose_batch_size(recipe: Recipe, network: Yolox, images: int, accelerator: Accelerator) -> int:
    """The largest batch size, over all processes together, that each GPU has memory for.

    A quarter of the free memory is left out, which the images may take; see `renders_on_device`.

    Args:
        recipe: the run's settings.
        network: the network to train; it is copied.
        images: number of images to train on; a larger batch is not tried.
        accelerator: device, precision and processes.

    Raises:
        UserError: the device is no CUDA GPU, or has no memory for one image.
    """
    device, world = accelerator.device, accelerator.num_processes
    require_cuda(device)
    free, total = torch.cuda.mem_get_info(device)
    torch.cuda.set_per_process_memory_fraction((1 - GPU_SHARE) * free / total, device)
    try:
        share = largest_batch(
            lambda size: trial_steps(recipe, network, size, device), max(1, images // world)
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        _release(device)
    size = world * min(gather_object([share]))
    chosen = override(recipe, {"batch_size": size})
    logger.info(
        "batch_size: {}, the largest that fits; the learning rate is scaled with it, to {:.3g}; {} "
        "steps an epoch",
        size,
        chosen.peak_lr,
        steps_per_epoch(images, chosen),
    )
    return size


def trial_steps(recipe: Recipe, network: Yolox, size: int, device: torch.device) -> None:
    """Two steps of a copy of the network, at the largest input size and with the L1 loss.

    In the second one the optimizer has its momentum.

    Args:
        recipe: the run's settings.
        network: the network; it stays as it is.
        size: number of images.
        device: the device.

    Raises:
        torch.OutOfMemoryError: the images do not fit.
    """
    _release(device)  # what the trial before has used
    trained = copy_network(network).to(device, memory_format=torch.channels_last).train()
    freeze(trained, frozen_modules(trained, recipe.freeze))
    optimizer = build_optimizer(trained, recipe)
    trained.head.use_l1 = True
    sample = InputSize.of(recipe.image_size)
    largest = sample.changed(sample.changes(recipe.multiscale)[1])
    images = torch.zeros(size, 3, *sample, dtype=torch.uint8, device=device)
    height, width = sample
    box = torch.tensor([0.0, width / 2, height / 2, width / 4, height / 4], device=device)
    targets = box.expand(size, OBJECTS, 5).contiguous()
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(recipe.precision)
    for _ in range(2):
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            losses = trained(*network_input(images, targets, largest))
        optimizer.zero_grad()
        losses["total_loss"].backward()
        optimizer.step()


def _release(device: torch.device) -> None:
    """Give memory that no tensor uses any more back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
