"""A file that has changed on its way is refused, and what has changed in it is named."""

import pytest
import torch
from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport
from yolox_ela.export.runtimes import OPENERS, open_exported
from yolox_ela.export.write import WRITERS

META = Metadata(("cat",), (32, 32))
SUFFIXES = {"torchscript": ".torchscript", "torch_export": ".pt2"}


class Small(nn.Module):
    """Predictions (N, A, 6) for images (N, 3, 32, 32), from one convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 8, stride=8)

    def forward(self, images):
        return self.conv(images).flatten(2).transpose(1, 2)


@pytest.fixture(scope="module", params=SUFFIXES)
def written(request, tmp_path_factory):
    """A file of each format that torch reads, and where in it the weights are."""
    torch.manual_seed(0)
    network = Small().requires_grad_(False).eval()
    path = tmp_path_factory.mktemp("exported") / f"small{SUFFIXES[request.param]}"
    WRITERS[request.param](ToExport(network, META, 17), path)
    return path, path.read_bytes().index(network.conv.weight.numpy().tobytes())


def test_the_file_as_written(written):
    opened = open_exported(written[0], "cpu")
    assert opened.metadata == META
    assert opened.run(torch.zeros(1, 3, 32, 32))[0].shape == (1, 16, 6)


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_changed_weight(written, tmp_path, bit):
    """Which torch itself would load and compute with, without a word."""
    path, place = written
    content = bytearray(path.read_bytes())
    content[place + 101] ^= bit
    changed = tmp_path / path.name
    changed.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path.name} .*damaged: its part .* checksum"):
        open_exported(changed, "cpu")


def test_all_formats_of_torch_are_tried():
    torch_alone = {name for name in OPENERS if name.startswith("torch")}
    assert torch_alone == SUFFIXES.keys()
