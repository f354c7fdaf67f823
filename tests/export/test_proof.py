"""A file that does not compute what the network does is refused, and leaves nothing behind."""

import numpy as np
import pytest
import torch
from shallow import shallow_yolox

from studies.export_grid import NAMES, lively_network
from yolox_ela.errors import UserError
from yolox_ela.export.check import (
    Differences,
    check_batches,
    check_images,
    compare,
    require_accuracy,
    require_equal,
)
from yolox_ela.export.formats import FORMATS
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network
from yolox_ela.export.runtimes import Predictions, open_exported
from yolox_ela.export.write import write_proven
from yolox_ela.network.inference import PLAIN, predictor

META = Metadata(NAMES, (64, 96))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    return lively_network(["ela_s"], shallow_yolox)


@pytest.fixture(scope="module")
def batches():
    return check_batches(check_images(), META)


def test_a_file_of_a_perturbed_network_is_refused(model, batches, tmp_path):
    """One gate of one site is off, which a glance at the detections would not show."""
    broken = exported_network(model, META, "torchscript")
    norm = broken.backbone.attention["C3_n3"].gate_h[1]
    norm.bias.data += 1
    path = tmp_path / "model.torchscript"
    path.write_text("an older file")

    def prove(file):
        wanted, got = predictor(model, CPU, PLAIN), Predictions(open_exported(file, "cpu"))
        require_equal(compare(wanted, got, batches, META), META)

    with pytest.raises(UserError, match="does not compute what the network does"):
        write_proven(ToExport(broken, META, 17), FORMATS["torchscript"], path, prove)
    assert path.read_text() == "an older file"
    assert list(tmp_path.iterdir()) == [path]
    kind, whole = FORMATS["torchscript"], exported_network(model, META, "torchscript")
    assert write_proven(ToExport(whole, META, 17), kind, path, prove) == [path]
    assert open_exported(path).metadata == META


def moved(predictions):
    predictions[..., 0] += 0.2
    return predictions


def scaled(predictions):
    predictions[..., 4] *= 0.98
    return predictions


def swapped_classes(predictions):
    return predictions[..., [0, 1, 2, 3, 4, 6, 5, 7]]


def not_finite(predictions):
    predictions[0, 0, 6] = np.nan
    return predictions


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (moved, "boxes differ by 0.2 px"),
        (scaled, "scores differ by"),
        (swapped_classes, "scores differ by"),
        (not_finite, "scores differ by nan"),
        (lambda predictions: predictions[:, :-1], "output has the shape"),
    ],
)
def test_faults_that_are_found(model, batches, fault, message):
    network = predictor(model, CPU, PLAIN)

    def check():
        found = compare(network, lambda images: fault(network(images).clone()), batches, META)
        require_equal(found, META)

    with pytest.raises(UserError, match=message):
        check()


def test_faults_of_detections_alone_are_found(model, batches):
    """Where NMS is inside the file, there is nothing else to compare."""
    meta = Metadata(NAMES, (64, 96), "nms")
    network = predictor(model, CPU, PLAIN)

    def without_a_class(images):
        predictions = network(images).clone()
        predictions[..., 5] = 0
        return predictions

    require_equal(compare(network, network, batches, meta), meta)
    with pytest.raises(UserError, match="detections have no partner"):
        require_equal(compare(network, without_a_class, batches, meta), meta)
    with pytest.raises(UserError, match="--check-images"):
        require_equal(Differences(), meta)


def test_accuracy():
    require_accuracy(0.70, 0.695, int8=True)
    require_accuracy(0.70, 0.75, int8=True)
    with pytest.raises(UserError, match=r"reaches 68\.00 AP, the network 70\.00"):
        require_accuracy(0.70, 0.68, int8=True)
    with pytest.raises(UserError, match=r"more than 0.1 points"):
        require_accuracy(0.70, 0.695, int8=False)
    with pytest.raises(UserError, match="no objects"):
        require_accuracy(None, None, int8=True)
