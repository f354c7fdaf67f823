"""The recipe: the paper's numbers, values from the command line, and what is refused."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from typing import Annotated

import pytest

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.field_rules import Description, between, describe_fields
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe, current_settings


def test_defaults_are_the_papers():
    """arXiv 2403.01123, section 4.3; YOLOX's settings for Nano where it refers to YOLOX."""
    paper = {
        "epochs": 72,
        "batch_size": 16,
        "lr": 0.02,
        "momentum": 0.937,
        "weight_decay": 5e-4,
        "image_size": 640,
        "mosaic_scale": (0.5, 1.5),
        "classes": VOC_CLASSES,
        "train_sets": ("2007/trainval",),
        "test_sets": ("2007/test",),
    }
    yolox = {
        "mosaic_prob": 0.5,
        "degrees": 10.0,
        "translate": 0.1,
        "shear": 2.0,
        "hsv_prob": 1.0,
        "flip_prob": 0.5,
        "ema_decay": 0.9998,
        "min_lr_ratio": 0.05,
        "multiscale": 160 / 640,
        "score_threshold": 0.01,
        "nms_iou": 0.65,
    }
    recipe = Recipe()
    for name, value in {**paper, **yolox}.items():
        assert getattr(recipe, name) == value, name
    assert not any("mixup" in field.name for field in fields(Recipe)), "the paper uses none"
    recipe.validate()


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(16, 0.02), (8, 0.01), (64, 0.08), (1, 0.00125)]
)
def test_learning_rate_is_linear_in_the_batch(batch_size, expected):
    assert Recipe(batch_size=batch_size).peak_lr == pytest.approx(expected)
    assert Recipe(batch_size=batch_size, lr=0.2).peak_lr == pytest.approx(10 * expected)


@pytest.mark.parametrize(("epochs", "final"), [(300, 15), (72, 4), (100, 5), (60, 3), (1, 0)])
def test_final_epochs(epochs, final):
    """YOLOX's last 15 of 300, scaled."""
    assert Recipe(epochs=epochs).final_epochs == final


def test_final_epochs_can_be_chosen():
    assert Recipe(epochs=20, final_fraction=0.25).final_epochs == 5
    assert Recipe(epochs=20, final_fraction=0).final_epochs == 0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "10", 10),
        ("lr", "1e-3", 0.001),
        ("lr", "1", 1.0),
        ("name", "12", "12"),  # text stays text
        ("name", "a, b", "a, b"),
        ("precision", "bf16", "bf16"),
        ("evaluate_raw", "true", True),
        ("evaluate_raw", "False", False),
        ("mosaic_scale", "0.8,1.2", (0.8, 1.2)),
        ("mosaic_scale", "(0.8, 1.2)", (0.8, 1.2)),
        ("mosaic_scale", "[1, 2]", (1.0, 2.0)),
        ("train_sets", "2007/trainval,2012/trainval", ("2007/trainval", "2012/trainval")),
        ("train_sets", "2007/train", ("2007/train",)),
        ("freeze", "backbone.backbone.dark*,head", ("backbone.backbone.dark*", "head")),
        ("freeze", "none", ()),
        ("classes", "cat, dining table,", ("cat", "dining table")),
    ],
)
def test_override_reads_the_fields_type(name, text, value):
    result = getattr(override(Recipe(), {name: text}), name)
    assert result == value
    assert type(result) is type(value)


def test_override_copies():
    recipe = Recipe()
    changed = override(recipe, {"lr": "0.5", "epochs": 3, "classes": ("cat",)})
    assert (changed.lr, changed.epochs, changed.classes) == (0.5, 3, ("cat",))
    assert recipe == Recipe()
    assert changed == Recipe(lr=0.5, epochs=3, classes=("cat",)), "nothing else changes"


def test_override_keeps_the_subclass():
    @dataclass
    class Mine(Recipe):
        depth: int = 1

    changed = override(Mine(), {"depth": "4"})
    assert isinstance(changed, Mine)
    assert changed.depth == 4


def test_classes_from_a_file(tmp_path):
    path = tmp_path / "my classes.txt"
    path.write_text("stop sign\n\n  traffic light \nkäse, jung\n", encoding="utf-8")
    recipe = override(Recipe(), {"classes": str(path)})
    assert recipe.classes == ("stop sign", "traffic light", "käse, jung")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "3.5"),
        ("epochs", "many"),
        ("lr", "fast"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", ""),
        ("evaluate_raw", "maybe"),
        ("mosaic_scale", "0.5"),
        ("mosaic_scale", "0.5,1,1.5"),
        ("mosaic_scale", "a,b"),
        ("mosaic_scale", "0.5,nan"),
    ],
)
def test_override_refuses_other_types(name, text):
    with pytest.raises(UserError, match=rf"'{name}'.*'{text}'"):
        override(Recipe(), {name: text})


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("epoch", "epochs"),
        ("batchsize", "batch_size"),
        ("weight-decay", "weight_decay"),
        ("img_size", "image_size"),
        ("momentun", "momentum"),
    ],
)
def test_unknown_fields_name_the_nearest(word, nearest):
    with pytest.raises(UserError, match=rf"'{word}'.*\b{nearest}\b"):
        override(Recipe(), {word: "1"})


def test_unknown_field_like_nothing_else():
    with pytest.raises(UserError, match="'xyzzy'") as raised:
        override(Recipe(), {"xyzzy": "1"})
    assert "did you mean" not in str(raised.value)


@pytest.mark.parametrize("name", ["peak_lr", "final_epochs", "validate", "__class__"])
def test_only_fields_can_be_overridden(name):
    with pytest.raises(UserError, match=name):
        override(Recipe(), {name: "1"})


def test_pairs():
    assert pairs_to_dict(["lr", "0.01", "seed", "1"]) == {"lr": "0.01", "seed": "1"}
    assert pairs_to_dict([]) == {}


@pytest.mark.parametrize("words", [["lr"], ["lr", "0.01", "seed"]])
def test_odd_number_of_words(words):
    with pytest.raises(UserError, match=f"'{words[-1]}'"):
        pairs_to_dict(words)


SHARE = "must be between 0 and 1"
NOT_NEGATIVE = "must be at least 0"
BELOW_1 = "must be at least 0 and less than 1"
FINITE = "must be a finite number"
WHOLE = "must be a whole number"


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "must be between 1 and 100,000"),
        ("epochs", 10**9, "must be between 1 and 100,000"),
        ("epochs", 72.0, WHOLE),
        ("epochs", "72", WHOLE),
        ("batch_size", 0, "must be at least 1"),
        ("batch_size", -4, "must be at least 1"),
        ("batch_size", True, WHOLE),
        ("lr", 0, "must be greater than 0"),
        ("lr", math.nan, FINITE),
        ("lr", math.inf, FINITE),
        ("lr", 10**400, FINITE),
        ("lr", None, FINITE),
        ("eval_interval", 0, "must be at least 1"),
        ("ema_ramp", 0, "must be greater than 0"),
        ("ema_ramp", math.inf, FINITE),
        ("image_size", 0, "must be a multiple of 32 between 32 and 8,192, or two"),
        ("image_size", 100, "must be a multiple of 32 between 32 and 8,192, or two"),
        ("image_size", 64_000, "must be a multiple of 32 between 32 and 8,192, or two"),
        ("image_size", (480, 100), "must be a multiple of 32 between 32 and 8,192, or two"),
        ("image_size", (480, 640, 3), "must be a whole number or a tuple of 2 whole numbers"),
        ("image_size", 320.0, WHOLE),
        ("multiscale", -0.25, SHARE),
        ("multiscale", 5, SHARE),  # YOLOX's unit, 5 x 32 pixels
        ("warmup_fraction", -0.1, SHARE),
        ("final_fraction", 1.5, SHARE),
        ("min_lr_ratio", 2, SHARE),
        ("min_lr_ratio", math.nan, FINITE),
        ("mosaic_prob", 1.1, SHARE),
        ("flip_prob", -0.5, SHARE),
        ("hsv_prob", 2, SHARE),
        ("score_threshold", -0.1, SHARE),
        ("nms_iou", 65, SHARE),
        ("start_share", 25, SHARE),
        ("batchnorm_momentum", 3, SHARE),
        ("momentum", 1.2, BELOW_1),
        ("momentum", 1.0, BELOW_1),  # no gradient would ever be forgotten
        ("ema_decay", 1.01, BELOW_1),
        ("ema_decay", 1.0, BELOW_1),  # the average would not follow the weights
        ("weight_decay", -1e-4, NOT_NEGATIVE),
        ("weight_decay", math.inf, FINITE),
        ("grad_clip", -1, NOT_NEGATIVE),
        ("lr_factor_new", -1, NOT_NEGATIVE),
        ("freeze_backbone_steps", 2.5, WHOLE),
        ("degrees", -10, "must be between 0 and 180"),
        ("degrees", 360, "must be between 0 and 180"),
        ("translate", -0.1, SHARE),
        ("translate", 10, SHARE),  # percent
        ("shear", -2, "must be at least 0 and less than 90"),
        ("shear", 90, "must be at least 0 and less than 90"),
        ("mosaic_scale", (1.5, 0.5), "must be two numbers with 0 < low <= high <= 10"),
        ("mosaic_scale", (0.0, 1.0), "must be two numbers with 0 < low <= high <= 10"),
        ("mosaic_scale", (50, 150), "must be two numbers with 0 < low <= high <= 10"),
        ("mosaic_scale", (0.5, 1.0, 1.5), "must be a tuple of 2 finite numbers"),
        ("mosaic_scale", (0.5, math.nan), "must be a tuple of 2 finite numbers"),
        ("mosaic_scale", 0.5, "must be a tuple of 2 finite numbers"),
        ("workers", -2, "must be between -1 and 1,024"),
        ("seed", -1, "must be between 0 and"),
        ("seed", 2**70, "must be between 0 and 18,446,744,073,709,551,615"),  # torch's largest
        ("seed", 1.0, WHOLE),
        ("freeze_batchnorm", "false", "must be true or false"),
        ("freeze", ("10",), "and not a number of layers"),
        ("freeze", "head", "must be a tuple of texts"),
        ("freeze", ("head", "head"), "all different"),
        ("optimizer", "adam", "must be sgd or adamw"),
        ("precision", "fp8", "must be fp32, fp16 or bf16"),
        ("precision", 16, "must be a text"),
        ("classes", (), "must be one or more texts"),
        ("classes", ("cat", "dog", "cat"), "all different"),
        ("classes", ("cat", " "), "none of them blank"),
        ("classes", "cat", "must be a tuple of texts"),
        ("classes", ("cat", 3), "must be a tuple of texts"),
        ("train_sets", (), "must be one or more sets"),
        ("train_sets", ("2007/train", "2007/train"), "all different"),
        ("name", "", "must be the name of a folder"),
        ("name", "a/b", "must be the name of a folder"),
        ("name", "..", "must be the name of a folder"),
        ("name", "a\nb", "must be the name of a folder"),
        ("name", "ä" * 101, "must be the name of a folder"),
    ],
)
def test_values_that_cannot_work(name, value, rule):
    with pytest.raises(UserError) as raised:
        replace(Recipe(), **{name: value}).validate()
    said = str(raised.value)
    start = repr(value)[:20]  # long values are shortened
    assert said.startswith(f"recipe field '{name}' = {start}")
    assert " must be " in said
    assert rule in said


def test_warm_up_and_final_epochs_leave_steps_between_them():
    with pytest.raises(UserError, match=r"'warmup_fraction' = 0\.96 and 'final_fraction' = 0\.05"):
        Recipe(warmup_fraction=0.96).validate()


def test_something_is_trained():
    with pytest.raises(UserError, match="'lr_factor_new' and 'lr_factor_pretrained' are both 0"):
        Recipe(lr_factor_new=0, lr_factor_pretrained=0).validate()
    Recipe(lr_factor_new=0).validate()


def test_adamw_is_not_given_the_rate_of_sgd():
    with pytest.raises(UserError, match=r"'lr' = 0\.02 is a rate for SGD.*as in: lr 0\.001"):
        Recipe(optimizer="adamw").validate()
    Recipe(optimizer="adamw", lr=0.001).validate()


def test_the_recipes_rules_hold_where_a_class_annotates_a_setting_anew():
    @dataclass
    class Mine(Recipe):
        lr: float = math.nan
        share: Annotated[float, between(0, 1)] = 0.5

    with pytest.raises(UserError, match=r"'lr' = nan must be a finite number"):
        Mine().validate()
    with pytest.raises(UserError, match=r"'lr' = 0 must be greater than 0"):
        Mine(lr=0).validate()
    with pytest.raises(UserError, match=r"'share' = 2 must be between 0 and 1"):
        Mine(lr=1, share=2).validate()


def test_settings_of_earlier_versions():
    saved = {"class_head_start": "coco", "lr": 0.01, "classes": ["coco"]}
    assert current_settings(saved) == saved | {"class_head_start": "by_name"}
    assert saved["class_head_start"] == "coco", "what was read stays as it is"


def test_every_setting_is_described():
    described = {setting.name: setting for setting in describe_fields(Recipe)}
    assert list(described) == [field.name for field in fields(Recipe)]
    assert all(setting.meaning and setting.rule for setting in described.values())
    assert described["momentum"] == Description(
        "Optimizer",
        "momentum",
        0.937,
        "at least 0 and less than 1",
        "Nesterov momentum of SGD; the first beta of AdamW, whose second one is 0.999.",
    )
    assert described["share_sites"].rule == "true or false"
    assert list(dict.fromkeys(setting.section for setting in described.values())) == [
        "", "Model", "Data", "Schedule", "Optimizer", "Augmentation", "Evaluation"
    ]  # fmt: skip
    assert described["precision"].rule == "fp32, fp16 or bf16"
    assert "\n" not in described["attention_start"].meaning


def test_a_recipe_is_read_without_heavy_libraries():
    """Commands refuse wrong settings before they load torch, which takes seconds."""
    code = (
        "import sys; from yolox_ela.recipe import Recipe; Recipe(epochs=1).validate(); "
        "print({'torch', 'numpy', 'cv2', 'yolox'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    "settings",
    [
        {"image_size": 416, "multiscale": 0},
        {"image_size": 192},
        {"mosaic_prob": 0, "hsv_prob": 0, "flip_prob": 0},
        {"mosaic_scale": (1.0, 1.0)},
        {"workers": 0},
        {"grad_clip": 10.0},
        {"warmup_fraction": 0, "final_fraction": 0},
        {"epochs": 1, "batch_size": 1},
        {"classes": ("cat",)},
        {"precision": "fp16"},
    ],
    ids=str,
)
def test_values_that_work(settings):
    replace(Recipe(), **settings).validate()


def test_as_json():
    recipe = override(Recipe(), {"mosaic_scale": "0.8,1.2"})
    values = json.loads(json.dumps(recipe.to_dict()))
    assert values.keys() == {field.name for field in fields(Recipe)}
    assert values["mosaic_scale"] == [0.8, 1.2]
    assert values["classes"] == list(VOC_CLASSES)
    assert values["lr"] == 0.02


def test_settings_that_were_once_true_or_false_are_read():
    """Of runs before there was a choice."""
    assert current_settings({"evaluate_start": True})["evaluate_start"] == "always"
    assert current_settings({"evaluate_start": False})["evaluate_start"] == "never"
    with pytest.raises(UserError, match="'evaluate_start' = 'true' is now called always"):
        override(Recipe(), {"evaluate_start": "true"}).validate()
