"""This package's training of YOLOX, without evaluation and run folder: its steps can be timed."""

from collections.abc import Iterator
from typing import Any

from accelerate import Accelerator

from yolox_ela.augment.bank import memory_bank
from yolox_ela.augment.feed import DeviceFeed, HostFeed, renders_on_device
from yolox_ela.augment.multiscale import network_input
from yolox_ela.datasets.split import VocSplit
from yolox_ela.network.model import Yolox
from yolox_ela.recipe import Recipe
from yolox_ela.train.progress import StepMonitor
from yolox_ela.train.step import TrainStep

READ_INTERVAL = 10  # steps
LR = 1e-5  # the weights stay what they are: the time of a step depends on them


class OurTraining:
    """Feed, step, and reading the losses now and then, as in the loop of a run.

    Args:
        network: at its starting weights.
        split: images to train on, which are decoded into memory.
        recipe: the run's settings; the input size stays the same.
        accelerator: device and precision.
        augment: see `renders_on_device`.
        compile: see `NetworkStep`.
    """

    def __init__(
        self,
        network: Yolox,
        split: VocSplit,
        recipe: Recipe,
        accelerator: Accelerator,
        *,
        augment: str,
        compile: bool,
    ) -> None:
        device, size = accelerator.device, recipe.image_size
        on_device = renders_on_device(augment, split, recipe, device)
        feed = DeviceFeed if on_device else HostFeed
        self.feed: Any = feed(split, recipe, device, memory_bank(split, size))
        self.step = TrainStep(network, recipe, accelerator, compile=compile)
        self.size = size

    def steps(self) -> Iterator[None]:
        """Start the loader, and take a step whenever the next element is asked for."""
        monitor = StepMonitor()
        for number, batch in enumerate(self.feed.loader(start=0, rank=0, world=1), 1):
            inputs = network_input(*self.feed.samples(batch), self.size)
            monitor.add(self.step(*inputs, LR, use_l1=False))
            if number % READ_INTERVAL == 0:
                monitor.collect()
            yield
