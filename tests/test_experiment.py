"""What the recipe's options do to the network that an experiment builds, and how it is trained."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from yolox_ela.attention import CBAM, ela_s
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.overrides import override
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.step import TrainStep


@dataclass
class Attentive(Experiment):
    """The baseline with a module at every site."""

    name: str = "attentive"
    kind: type | None = None

    def attention(self, channels):
        return self.kind(channels) if self.kind else ela_s(channels)


def outputs(model, images):
    with torch.no_grad():
        return model.eval()(images)


@pytest.mark.parametrize("kind", [None, CBAM])
def test_attention_that_starts_as_the_identity_is_the_baseline(kind):
    images = torch.rand(1, 3, 96, 64) * 255
    baseline = outputs(Experiment().build_model(), images)
    exp = Attentive(kind=kind)
    assert not torch.equal(outputs(exp.build_model(), images), baseline)
    same = override(exp, {"attention_start": "identity"})
    assert torch.equal(outputs(same.build_model(), images), baseline)


def test_a_module_that_cannot_start_as_the_identity_is_named():
    exp = Attentive(kind=nn.BatchNorm2d, attention_start="identity")
    with pytest.raises(UserError, match="BatchNorm2d at dark3 cannot start as the identity"):
        exp.build_model()


def test_batchnorm_momentum():
    exp = Experiment(batchnorm_momentum=0.1)
    momenta = {m.momentum for m in exp.build_model().modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.1}


def step_once(recipe, *, frozen=False):
    """Weights and statistics before and after a step."""
    step = TrainStep(recipe.build_model(), recipe, build_accelerator("cpu", "fp32"))
    before = {name: t.clone() for name, t in step.network.state_dict().items()}
    images = torch.rand(2, 3, 64, 64) * 255
    targets = torch.tensor([[[1.0, 20, 20, 20, 20]], [[2.0, 40, 30, 30, 30]]])
    step(images, targets, 0.01, use_l1=False, frozen=frozen)
    after = step.network.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_frozen_batchnorm_keeps_its_statistics_and_trains_its_weights():
    moved = step_once(Experiment(freeze_batchnorm=True))
    assert not any(name.endswith(("running_mean", "running_var")) for name in moved)
    assert "backbone.C3_n3.conv1.bn.bias" in moved
    assert "backbone.backbone.stem.conv.bn.running_mean" in step_once(Experiment())


def test_a_frozen_backbone_keeps_its_weights():
    weights = {
        name
        for name in step_once(Experiment(), frozen=True)
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    assert any(name.startswith("backbone.") for name in weights), "the neck moves"
    assert any(name.startswith("head.") for name in weights)
    assert not any(name.startswith("backbone.backbone.") for name in weights)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("attention_start", "nothing", "must be paper or identity"),
        ("class_head_start", "imagenet", "must be random or by_name"),
        ("class_head_start", "coco", "is now called by_name"),
        ("warmup_steps", -1, "must be at least 0"),
        ("batchnorm_momentum", 1.5, "between 0 and 1"),
    ],
)
def test_wrong_options_are_named(field, value, message):
    with pytest.raises(UserError, match=f"{field}.*{message}"):
        override(Experiment(name="mine"), {field: value}).validate()


def test_the_papers_recipe_is_every_experiments_own():
    assert override(Attentive(lr=0.5), RECIPES["paper"]) == Attentive(lr=0.5)
