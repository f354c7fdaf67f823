"""Size and cost of a network, counted as the paper does and by torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import thop
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from yolox_ela.experiment import Experiment, network_of
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.network.copying import copy_network
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.paper import ELA_S_SIZE, PAPER

PAPER_IMAGE_SIZE = 640


@dataclass(frozen=True)
class Complexity:
    """Counts of one network.

    Args:
        parameters: the number of trainable values.
        macs: the multiply-adds for one image by thop's convention, which the paper uses: layers
            only, so neither `mean` nor GroupNorm nor sigmoid, but BatchNorm before it is fused.
        flops: the floating-point operations for one image by torch's counter, which counts every
            convolution and matrix product that is executed, two operations for a multiply-add.
    """

    parameters: int
    macs: int
    flops: int

    @property
    def mib(self) -> float:
        """Size of the parameters in float32, in MiB; the paper's "MB"."""
        return self.parameters * 4 / 2**20


def count_complexity(model: nn.Module, image_size: ImageSize = PAPER_IMAGE_SIZE) -> Complexity:
    """Count a network in evaluation mode for one image of the input's size."""
    model = copy_network(model).eval()  # thop adds buffers to the model
    images = torch.zeros(1, 3, *InputSize.of(image_size))
    with torch.no_grad(), _OperatorCounter() as counter:
        macs, _ = thop.profile(model, (images,), verbose=False)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Complexity(parameters, int(macs), counter.flops)


class _OperatorCounter(TorchDispatchMode):
    """Counts what is executed as `torch.utils.flop_counter.FlopCounterMode` does.

    That one also counts by module and takes operators apart that it does not count, for which it
    takes several times as long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            count = flop_registry[func.overloadpacket]
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        return result


def complexity_table(
    experiments: Sequence[Experiment], image_size: ImageSize = PAPER_IMAGE_SIZE
) -> Table:
    """A row for each experiment; at the paper's input size with its numbers beside, and a mark
    where they differ.
    """
    size, rows = InputSize.of(image_size), []
    for exp in experiments:
        counts = count_complexity(network_of(exp), size)
        paper = PAPER.get(exp.name) if size == InputSize.of(PAPER_IMAGE_SIZE) else None
        rows.append(
            {
                "exp": exp.name,
                "parameters": counts.parameters,
                "mib": counts.mib,
                "paper_mib": paper and paper.params_mib,
                "gmacs": counts.macs / 1e9,
                "paper_gmacs": paper and paper.gmacs,
                "gflops": counts.flops / 1e9,
                "agrees": paper
                and f"{counts.mib:.2f} {counts.macs / 1e9:.3f}"
                == f"{paper.params_mib:.2f} {paper.gmacs:.3f}",
            }
        )
    columns = [
        Column("exp", "experiment"),
        Column("parameters", "parameters", "{:,}".format),
        Column("mib", "MiB", "{:.4f}".format),
        Column("paper_mib", "paper", "{:.2f}".format),
        Column("gmacs", "GMACs (thop)", "{:.6f}".format),
        Column("paper_gmacs", "paper", "{:.3f}".format),
        Column("agrees", "agrees", lambda agrees: "yes" if agrees else "NO"),
        Column("gflops", "GFLOPs (torch)", "{:.4f}".format),
    ]
    notes = [
        f"Counted for 20 classes and one image of {size.height} x {size.width}, "
        "before BatchNorm is fused. MiB: "
        'parameters x 4 bytes / 2^20, the paper\'s "MB". GMACs: multiply-adds as thop counts '
        'them, the paper\'s "GFLOPs" (Tables 3 and 7). GFLOPs: two operations a multiply-add of '
        "every convolution and matrix product, by torch's counter. Neither counts means, sigmoids "
        "and the multiplications of the map by its gates.",
    ]
    if any(row["exp"] == "nano_ela_s" for row in rows):
        notes.append(ELA_S_SIZE)
    return Table("Size and cost", columns, rows, notes)
