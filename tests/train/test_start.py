"""What a training starts from, with COCO's real weights."""

from pathlib import Path

import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.train.start import in_class_order_of, load_start

EXPS = Path(__file__).resolve().parents[2] / "exps"


@pytest.fixture
def coco(shared):
    return shared / "weights" / "yolox_nano_coco.pth"


@pytest.fixture(scope="module")
def predicted(zero_shot_weights):
    """Images, and what the zero-shot detector predicts for them."""
    model = build_yolox(20)
    model.load_state_dict(zero_shot_weights)
    images = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        return images, model.eval()(images)


# One reduction of each form of coordinate attention is enough.
NAMES = [path.stem for path in EXPS.glob("*.py") if not path.stem.endswith(("_r24", "_r32"))]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_tuned_starts_as_the_zero_shot_detector(coco, predicted, name):
    """With any attention; so no method starts ahead of another, or behind not training."""
    exp = override(load_experiment(EXPS / f"{name}.py"), RECIPES["tuned"])
    exp.validate()
    model = exp.build_model()
    start = load_start(exp, model, coco)
    assert f"class rows kept by name: {', '.join(exp.classes)}" in str(start)
    assert "new, random" not in str(start)
    images, expected = predicted
    with torch.no_grad():
        assert torch.equal(model.eval()(images), expected)


def test_papers_start_is_another(coco, predicted):
    exp = load_experiment(EXPS / "nano_ela_s.py")
    model = exp.build_model()
    start = str(load_start(exp, model, coco))
    assert "trained from scratch" in start
    assert f"class rows new, random: {', '.join(exp.classes)}" in start
    images, expected = predicted
    with torch.no_grad():
        assert not torch.allclose(model.eval()(images), expected, atol=0.01)


@pytest.mark.parametrize("trained", ["paper", "identity"])
def test_gates_of_another_reach(tmp_path, trained):
    """The weights would load, and each gate be half or twice what it was trained as."""
    exp = override(load_experiment(EXPS / "nano_ela_s.py"), {"attention_start": trained})
    path = tmp_path / "best.pth"
    model = exp.build_model()
    save_checkpoint(path, {"model": model.state_dict(), "recipe": exp.to_dict()})
    load_start(exp, model, path)
    other = {"paper": "identity", "identity": "paper"}[trained]
    exp = override(exp, {"attention_start": other})
    with pytest.raises(UserError, match=f"best.pth was trained with attention_start {trained}"):
        load_start(exp, exp.build_model(), path)


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"share_sites": True}, "nano_ela_t", "trained with share_sites true, .* add share_sites"),
        (
            {"share_sites": True, "attention_start": "identity"},
            "nano_ela_t",
            "add attention_start identity share_sites true$",
        ),
        ({}, "nano_ela_l", "trained as 'nano_ela_t', does not fit .* 'nano_ela_l': .* -f"),
        ({}, "nano_se", "does not fit the experiment 'nano_se'"),
        ({"attention_start": "identity"}, "nano", "does not fit the experiment 'nano'"),
    ],
)
def test_attention_that_would_be_dropped_or_used_otherwise(tmp_path, changes, name, message):
    """Each would start as something else than was trained, without a word."""
    trained = override(load_experiment("nano_ela_t"), changes)
    model = trained.build_model()
    content = {"model": model.state_dict(), "recipe": trained.to_dict()}
    save_checkpoint(tmp_path / "last.pth", content)
    load_start(trained, model, tmp_path / "last.pth")
    exp = load_experiment(name)
    with pytest.raises(UserError, match=rf"last\.pth.* {message}"):
        load_start(exp, exp.build_model(), tmp_path / "last.pth")


def save(path, exp, **content):
    """Weights of the experiment's classes, each row its own."""
    content = {"model": exp.build_model().state_dict(), "classes": list(exp.classes), **content}
    save_checkpoint(path, content)
    return content["model"]


class TestClassesOfTheStart:
    """Fine-tuning from three.pth with the same classes, another order, others, some in common."""

    @pytest.fixture(scope="class")
    def three(self, tmp_path_factory):
        exp = override(load_experiment(EXPS / "nano.py"), {"classes": ("dog", "person", "car")})
        path = tmp_path_factory.mktemp("three") / "three.pth"
        return path, save(path, exp)

    @pytest.mark.parametrize(
        ("classes", "head", "rows"),
        [
            ("dog,person,car", "random", [0, 1, 2]),
            ("person,car,dog", "random", [1, 2, 0]),
            ("person,car,dog", "by_name", [1, 2, 0]),
            ("cat,bus,cow", "random", [None, None, None]),
            ("cat,dog,cow", "random", [None, None, None]),
            ("cat,dog,cow", "by_name", [None, 0, None]),
            ("car,dog", "random", [None, None]),
        ],
    )
    def test_rows(self, three, classes, head, rows):
        changes = {"classes": classes, "class_head_start": head, "seed": 5}
        exp = override(load_experiment(EXPS / "nano.py"), changes)
        path, trained = three
        model = exp.build_model()
        fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        report = str(load_start(exp, model, path))
        for name, tensor in model.state_dict().items():
            if not name.startswith("head.cls_preds."):
                assert torch.equal(tensor, trained[name])
                continue
            for index, row in enumerate(rows):
                expected = fresh[name][index] if row is None else trained[name][row]
                assert torch.equal(tensor[index], expected)
        for index, row in enumerate(rows):
            kind = "new, random" if row is None else "kept by name"
            line = next(
                part for part in report.split("; ") if part.startswith(f"class rows {kind}")
            )
            assert exp.classes[index] in line

    def test_a_start_without_names(self, three, tmp_path):
        path = tmp_path / "unnamed.pth"
        save_checkpoint(path, {"model": three[1]})
        exp = override(load_experiment(EXPS / "nano.py"), {"classes": "dog,person,car"})
        report = str(load_start(exp, exp.build_model(), path))
        assert "class rows new, random: dog, person, car" in report
        exp = override(exp, {"class_head_start": "by_name"})
        with pytest.raises(UserError, match=r"unnamed\.pth does not name its classes"):
            load_start(exp, exp.build_model(), path)


class TestNameAndDigest:
    def test_random(self):
        exp = load_experiment(EXPS / "nano.py")
        starts = [load_start(override(exp, {"seed": s}), exp.build_model(), None) for s in (3, 3)]
        assert starts[0] == starts[1]
        assert (starts[0].name, starts[0].report) == ("random", "random, seed 3")
        other = override(exp, {"seed": 4})
        assert load_start(other, other.build_model(), None).sha256 != starts[0].sha256

    def test_of_a_file_whatever_it_is_trained_for(self, coco):
        """One digest for one start: seeds, methods and classes change other weights."""
        found = set()
        for name, changes in (
            ("nano", {}),
            ("nano_ela_s", {"seed": 1}),
            ("nano", {"classes": "cat,dog", "class_head_start": "by_name"}),
        ):
            exp = override(load_experiment(EXPS / f"{name}.py"), changes)
            start = load_start(exp, exp.build_model(), coco)
            found.add((start.name, start.sha256))
        assert len(found) == 1
        ((name, digest),) = found
        assert name == "coco_legacy", "known by its content"
        assert digest.startswith("79c2d0233599ad92")


class TestClassOrderOfARun:
    def content(self, classes):
        return {"recipe": {"classes": classes}}

    def test_the_runs_order(self):
        exp = override(load_experiment(EXPS / "nano.py"), {"classes": "cat,dog,cow"})
        assert in_class_order_of(exp, self.content(["dog", "cow", "cat"])).classes == (
            ("dog", "cow", "cat")
        )

    @pytest.mark.parametrize("classes", [["cat", "dog", "cow"], ["cat", "dog"], ["a", "b", "c"]])
    def test_other_classes_are_left(self, classes):
        exp = override(load_experiment(EXPS / "nano.py"), {"classes": "cat,dog,cow"})
        assert in_class_order_of(exp, self.content(classes)) is exp


class TestShareOfTheStart:
    def test_of_random_weights(self):
        with pytest.raises(UserError, match=r"start_share 0.5 .* random: give weights with -c"):
            load_start(Recipe(start_share=0.5), None, None)

    def test_of_attention_that_blocks(self, coco):
        changes = {"start_share": 0.5, "class_head_start": "by_name"}
        exp = override(load_experiment(EXPS / "nano_ela_s.py"), changes)
        with pytest.raises(UserError, match=r"new attention .* attention_start identity"):
            load_start(exp, exp.build_model(), coco)

    def test_of_new_class_predictors(self, coco):
        exp = load_experiment(EXPS / "nano.py")
        exp = override(exp, {"start_share": 0.5, "classes": ("gizmo", "widget")})
        with pytest.raises(UserError, match="new class predictors these know no class"):
            load_start(exp, exp.build_model(), coco)

    def test_without_attention(self, coco):
        changes = {"start_share": 0.5, "class_head_start": "by_name"}
        exp = override(load_experiment(EXPS / "nano.py"), changes)
        load_start(exp, exp.build_model(), coco)


@pytest.mark.parametrize(
    ("recipe", "changes", "detects"),
    [
        ("tuned", {}, True),
        ("tuned", {"attention_start": "paper", "start_share": 0.0}, False),
        ("tuned", {"class_head_start": "random", "start_share": 0.0}, False),
        ("tuned", {"classes": ("person", "unicorn")}, False),  # one row is random
        ("paper", {}, False),
    ],
    ids=str,
)
def test_a_start_is_worth_comparing_with_where_it_detects_all_classes(
    coco, recipe, changes, detects
):
    exp = override(load_experiment("nano_ela_s"), {**RECIPES[recipe], **changes})
    assert load_start(exp, exp.build_model(), coco).detects == detects


def test_weights_of_a_run_detect_its_classes(tmp_path):
    """Also with attention that starts as the paper has it, since theirs is trained."""
    exp = override(load_experiment("nano_ela_t"), {"classes": ("cat", "dog")})
    path = tmp_path / "best.pth"
    model = exp.build_model()
    content = {"model": model.state_dict(), "classes": list(exp.classes)}
    save_checkpoint(path, {**content, "recipe": exp.to_dict()})
    assert load_start(exp, model, path).detects
    assert not load_start(exp, model, None).detects
