"""What an explanation shows lies on the object, and says what it cannot show."""

import copy

import numpy as np
import pytest
import torch

from yolox_ela.attention import SE
from yolox_ela.errors import UserError
from yolox_ela.explain.explanation import explain
from yolox_ela.explain.gate_text import gate_reading
from yolox_ela.explain.heat import Heat, area_share
from yolox_ela.explain.networks import ConstantGates, without_attention
from yolox_ela.images.letterbox import letterbox
from yolox_ela.network.model import build_yolox
from yolox_ela.predict import Detector
from yolox_ela.report.gate_values import GateStatistics, gate_statistics
from yolox_ela.sizes import SITES


def test_maps_lie_on_the_object(detector, people):
    found = explain(detector, people)
    assert found.detections.names[0] == "person"
    np.testing.assert_allclose(found.detections.boxes, detector(people).boxes[:3], atol=0.05)
    box = found.detections.boxes[0]
    area = area_share(box, people.shape[:2])
    assert list(found.views[0].heats) == list(SITES)
    inside = {site: heats[0].share_inside(box) for site, heats in found.views[0].heats.items()}
    assert min(inside["dark3"], inside["C3_p3"]) > 1.5 * area
    assert np.nanmean(list(inside.values())) > 1.3 * area


def test_a_site_without_attention_is_the_same_place(detector, people):
    """Gates of exactly 1 change nothing, so that both networks have the same maps everywhere."""
    model = copy.deepcopy(detector.model)
    for module in model.backbone.attention.values():
        module.start_as_identity()
    plain = copy.deepcopy(model)
    plain.backbone.attention.clear()
    plain.backbone.site_keys.clear()
    first, second = (
        Detector.from_model(network, detector.classes, image_size=192, device="cpu")
        for network in (model, plain)
    )
    own, beside = explain(first, people, beside=[second], most=1).views
    np.testing.assert_allclose(own.scores, beside.scores, rtol=1e-5)
    for site in SITES:
        cells, others = own.heats[site][0].cells, beside.heats[site][0].cells
        # A box of a small stride does not depend on the last maps.
        assert cells.max() > 0 or site in ("C3_n3", "C3_n4")
        np.testing.assert_allclose(cells, others, atol=1e-4 * cells.max(), err_msg=site)


def test_places_that_have_no_influence(detector, people):
    """A box of stride 16 does not depend on the maps of stride 32 that come after it."""
    found = explain(
        Detector(detector.runner, score_threshold=0.01), people, most=30, places=["C3_n4", "C3_n3"]
    )
    (view,) = found.views
    assert {8, 16, 32} >= set(view.strides)
    assert len(set(view.strides)) > 1
    for stride, late, middle in zip(
        view.strides, view.heats["C3_n4"], view.heats["C3_n3"], strict=True
    ):
        assert (late.cells.max() > 0) == (stride == 32)
        assert (middle.cells.max() > 0) == (stride >= 16)
        assert np.isnan(late.share_inside(np.array([0, 0, 9, 9]))) == (stride < 32)


def test_a_heat_is_where_the_photograph_is():
    """Height and width of an input need not be equal; the padding is left out."""
    photograph = np.zeros((100, 400, 3), np.uint8)
    pixels, scale = letterbox(photograph, 128)
    assert pixels.shape[:2] == (128, 128)
    cells = np.zeros((8, 16), np.float32)  # of an input of 64 x 128
    cells[1, 12] = 1  # its centre is at (24, 100) of the input
    cells[5, 3] = 9  # in the padding
    heat = Heat(cells, (64, 128), (32, 128), (100, 400))
    found = heat.pixels()
    assert found.shape == (100, 400)
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert abs(y + 0.5 - 12 / scale) <= 2
    assert abs(x + 0.5 - 100 / scale) <= 2
    assert heat.share_inside(np.array([0, 0, 400, 100])) == pytest.approx(1)
    assert heat.share_inside(np.array([0, 0, 250, 100])) < 0.01
    flat = Heat(np.ones((8, 16), np.float32), (64, 128), (32, 128), (100, 400))
    box = np.array([33.3, 10.1, 250.7, 90.9])
    assert flat.share_inside(box) == pytest.approx(area_share(box, (100, 400)), rel=1e-5)


def test_gates_are_those_of_the_formula(gated_detector, people):
    """Of dark3, whose input is the backbone's map: sigmoid(GroupNorm(Conv1d(mean)))."""
    view = explain(gated_detector, people, most=1).views[0]
    pixels, _ = letterbox(people, 192)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    module = gated_detector.model.backbone.attention["dark3"]
    conv, norm, _ = module.gate_h
    with torch.no_grad():
        x = gated_detector.model.backbone.backbone(batch)["dark3"]
        rows = torch.sigmoid(norm(conv(x.mean(3))))[0].numpy()
    shown = view.gates["dark3"].rows
    assert shown.std() > 0.01
    np.testing.assert_allclose(shown, rows[:, : shown.shape[1]], atol=1e-5)
    assert "The largest value of its gates is 2" in view.note


def test_constants_are_the_best_ones():
    """Gates that differ by channel alone are kept as they are, and one number is their best fit."""
    torch.manual_seed(0)
    x, gates = torch.randn(2, 3, 4, 5), torch.tensor([0.2, 0.5, 0.9])[:, None, None]

    class Gates(torch.nn.Module):
        def forward(self, x):
            return x * gates

    kept = ConstantGates(Gates(), for_each_channel=True)(x)
    torch.testing.assert_close(kept, x * gates)
    one = ConstantGates(Gates(), for_each_channel=False)(x)
    for sample in range(2):
        factors = np.linspace(0, 1, 1001)
        errors = [float((x[sample] * gates - k * x[sample]).square().sum()) for k in factors]
        expected = factors[int(np.argmin(errors))]
        torch.testing.assert_close(one[sample], x[sample] * expected, atol=3e-3, rtol=3e-3)
    assert torch.isfinite(ConstantGates(Gates(), for_each_channel=True)(0 * x)).all()


def test_a_network_beside_may_not_see_it(gated_detector, people):
    """Its score is that of its own anchor; the detector itself stays as it was."""
    before = gated_detector(people).scores
    beside = [without_attention(gated_detector, keep_channels=keep) for keep in (True, False)]
    own, channels, nothing = explain(gated_detector, people, beside=beside, most=1).views
    assert len({float(view.scores[0]) for view in (own, channels, nothing)}) == 3
    assert own.gates
    assert not channels.gates
    assert "Constants stand in place of its gates" in nothing.note
    np.testing.assert_array_equal(gated_detector(people).scores, before)


def test_any_module_is_a_place(detector, people):
    found = explain(
        detector, people, most=1, places=["backbone.C3_p4", "backbone.backbone.dark3.0.pconv.bn"]
    )
    heats = found.views[0].heats
    assert heats["backbone.C3_p4"][0].cells.shape == (12, 12)
    assert all(heat.cells.max() > 0 for (heat,) in heats.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": ["drak3"]}, "no place 'drak3'; did you mean .*dark3"),
        ({"places": ["backbone"]}, "'backbone' cannot be shown: its output is not a map"),
        ({"places": ["head.iou_loss"]}, "does not run it"),
        ({"classes": ["cta"]}, "does not know the class cta; did you mean .*cat"),
        ({"classes": ["sheep"]}, r"no sheep scores 0.3 or more \(the best is sheep with 0"),
        ({"numbers": [9]}, "there is no detection 9: they are numbered 1 to"),
        ({"method": "gardcam"}, "no method 'gardcam': give layercam or gradcam"),
    ],
)
def test_what_cannot_be_explained(detector, people, options, message):
    with pytest.raises(UserError, match=message):
        explain(detector, people, **options)


def test_nothing_is_detected(detector):
    grey = np.full((64, 64, 3), 114, np.uint8)
    with pytest.raises(UserError, match=r"nothing scores 0.3 or more .*lower the threshold"):
        explain(detector, grey)


def test_attention_without_gates_by_row_and_column(people):
    torch.manual_seed(0)
    model = build_yolox(2, SE)
    detector = Detector.from_model(
        model, ["a", "b"], image_size=64, device="cpu", score_threshold=0
    )
    view = explain(detector, people, most=1, places=["dark5"]).views[0]
    assert view.gates == {}
    assert "no gates by row and column: SE" in view.note
    bare = Detector.from_model(build_yolox(2), ["a", "b"], image_size=64, device="cpu")
    with pytest.raises(UserError, match="no attention that could be taken out"):
        without_attention(bare)


def row(along, between):
    return GateStatistics("dark3", "rows", 0.5, 0.1, 0.3, 0.7, along, between, 0, 0)


@pytest.mark.parametrize(
    ("along", "between", "verdict"),
    [
        (0.01, 0.1, "weights channels rather than positions"),
        (0.1, 0.01, "weights positions rather than channels"),
        (0.06, 0.08, "weights both channels and positions"),
        (0.0001, 0.0004, "multiplies by nearly the same number everywhere"),
    ],
)
def test_the_reading_follows_the_numbers(along, between, verdict):
    assert verdict in gate_reading([row(along, between)])


def test_statistics_of_one_photograph_add_up(gated_detector, people):
    gates = explain(gated_detector, people, most=1, places=["dark5"]).views[0].gates
    for row in gate_statistics([gates]):
        assert row.std**2 == pytest.approx(row.along**2 + row.between**2, rel=1e-4)
