"""Which modules names and patterns choose."""

import pytest

from yolox_ela.attention import ela_s
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.freezing import frozen_modules
from yolox_ela.network.model import build_yolox

BACKBONE, DARK = "backbone.backbone", "backbone.backbone.dark"


@pytest.fixture(scope="module")
def network():
    return build_yolox(3, ela_s)


def outermost(network, *patterns):
    names = frozen_modules(network, patterns)
    return [n for n in names if not any(n.startswith(f"{other}.") for other in names)]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], []),
        ([BACKBONE], [BACKBONE]),
        (["head.obj_preds", f"{BACKBONE}.stem"], [f"{BACKBONE}.stem", "head.obj_preds"]),
        ([f"{DARK}[34]"], [f"{DARK}3", f"{DARK}4"]),
        ([f"{DARK}?"], [f"{DARK}{n}" for n in (2, 3, 4, 5)]),
        (["head.*_preds"], [f"head.{what}_preds" for what in ("cls", "reg", "obj")]),
        (["backbone.attention.dark3"], ["backbone.attention.dark3"]),
    ],
    ids=str,
)
def test_chosen_modules(network, patterns, chosen):
    assert outermost(network, *patterns) == chosen


def test_an_asterisk_stands_for_dots():
    layers = frozen_modules(build_yolox(3), ["*.bn"])
    assert f"{BACKBONE}.stem.conv.bn" in layers
    assert all(name.endswith(".bn") for name in layers)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("dark2", r"did you mean backbone\.backbone\.dark2\?"),
        (f"{DARK}7", r"did you mean .*backbone\.backbone\.dark5"),
        ("backbone.backbone.", r"did you mean backbone\.backbone"),
        ("xyzzy", r"such a name\. The main modules are backbone\.backbone, .*C3_p4, .*head\.stems"),
        ("xyz*", "no module of the network with parameters has such a name"),
        ("head.iou_loss", "no module of the network with parameters"),
        ("backbone", r"neck and attention together: write backbone\.backbone for the backbone"),
        ("*", "leaves nothing to train"),
    ],
)
def test_refused_before_anything_is_read(pattern, says):
    with pytest.raises(UserError, match=says):
        Experiment(freeze=(pattern,)).build_model()


def test_backbone_and_head_are_all():
    with pytest.raises(UserError, match="leaves nothing to train"):
        Experiment(freeze=("backbone.*", "head")).build_model()
