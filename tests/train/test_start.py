"""What a training starts from, with COCO's real weights."""

from pathlib import Path

import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.experiment import RECIPES, load_experiment
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.train.start import load_start

EXPS = Path(__file__).resolve().parents[2] / "exps"


@pytest.fixture
def coco(shared):
    return shared / "weights" / "yolox_nano_coco.pth"


@pytest.mark.parametrize("name", sorted(path.stem for path in EXPS.glob("*.py")))
def test_tuned_starts_as_the_zero_shot_detector(coco, zero_shot, name):
    """With any attention; so no method starts ahead of another, or behind not training."""
    exp = override(load_experiment(EXPS / f"{name}.py"), RECIPES["tuned"])
    exp.validate()
    model = exp.build_model()
    report = load_start(exp, model, coco)
    assert "class predictors of COCO for 20 of 20 classes" in report
    images = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        assert torch.equal(model.eval()(images), zero_shot(images))


def test_papers_start_is_another(coco, zero_shot):
    exp = load_experiment(EXPS / "nano_ela_s.py")
    model = exp.build_model()
    assert "trained from scratch" in load_start(exp, model, coco)
    images = torch.rand(1, 3, 96, 128) * 255
    with torch.no_grad():
        assert not torch.allclose(model.eval()(images), zero_shot(images), atol=0.01)


@pytest.mark.parametrize("trained", ["paper", "identity"])
def test_gates_of_another_reach(tmp_path, trained):
    """The weights would load, and each gate be half or twice what it was trained as."""
    exp = override(load_experiment(EXPS / "nano_ela_s.py"), {"attention_start": trained})
    path = tmp_path / "best.pth"
    state = exp.build_model().state_dict()
    save_checkpoint(path, {"model": state, "recipe": exp.to_dict()})
    load_start(exp, exp.build_model(), path)
    other = {"paper": "identity", "identity": "paper"}[trained]
    exp = override(exp, {"attention_start": other})
    with pytest.raises(UserError, match=f"best.pth was trained with attention_start {trained}"):
        load_start(exp, exp.build_model(), path)


class TestShareOfTheStart:
    def test_of_random_weights(self):
        with pytest.raises(UserError, match=r"start_share 0.5 .* random: give weights with -c"):
            load_start(Recipe(start_share=0.5), None, None)

    def test_of_attention_that_blocks(self, coco):
        changes = {"start_share": 0.5, "class_head_start": "coco"}
        exp = override(load_experiment(EXPS / "nano_ela_s.py"), changes)
        with pytest.raises(UserError, match=r"new attention .* attention_start identity"):
            load_start(exp, exp.build_model(), coco)

    def test_of_new_class_predictors(self, coco):
        exp = load_experiment(EXPS / "nano.py")
        exp = override(exp, {"start_share": 0.5, "classes": ("gizmo", "widget")})
        with pytest.raises(UserError, match="new class predictors these know no class"):
            load_start(exp, exp.build_model(), coco)

    def test_without_attention(self, coco):
        changes = {"start_share": 0.5, "class_head_start": "coco"}
        exp = override(load_experiment(EXPS / "nano.py"), changes)
        load_start(exp, exp.build_model(), coco)
