"""The recipe: the paper's numbers, values from the command line, and what is refused."""

import json
from dataclasses import dataclass, fields, replace

import pytest

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe


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
        ("evaluate_start", "true", True),
        ("evaluate_start", "False", False),
        ("mosaic_scale", "0.8,1.2", (0.8, 1.2)),
        ("mosaic_scale", "(0.8, 1.2)", (0.8, 1.2)),
        ("mosaic_scale", "[1, 2]", (1.0, 2.0)),
        ("train_sets", "2007/trainval,2012/trainval", ("2007/trainval", "2012/trainval")),
        ("train_sets", "2007/train", ("2007/train",)),
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
        ("evaluate_start", "maybe"),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("batch_size", -4),
        ("lr", 0),
        ("lr", float("nan")),
        ("eval_interval", 0),
        ("ema_ramp", 0),
        ("image_size", 0),
        ("image_size", 100),  # not a multiple of 32
        ("multiscale", -0.25),
        ("multiscale", 5),  # YOLOX's unit, 5 x 32 pixels
        ("warmup_fraction", -0.1),
        ("warmup_fraction", 0.96),  # with the 0.05 of final_fraction nothing is left between
        ("final_fraction", 1.5),
        ("min_lr_ratio", 2),
        ("mosaic_prob", 1.1),
        ("flip_prob", -0.5),
        ("hsv_prob", 2),
        ("score_threshold", -0.1),
        ("nms_iou", 65),
        ("momentum", 1.2),
        ("ema_decay", 1.01),
        ("weight_decay", -1e-4),
        ("grad_clip", -1),
        ("degrees", -10),
        ("translate", -0.1),
        ("shear", -2),
        ("mosaic_scale", (1.5, 0.5)),
        ("mosaic_scale", (0.0, 1.0)),
        ("workers", -2),
        ("precision", "fp8"),
        ("classes", ()),
        ("classes", ("cat", "dog", "cat")),
        ("train_sets", ()),
        ("train_sets", ("2007/train", "2007/train")),
    ],
)
def test_values_that_cannot_work(name, value):
    with pytest.raises(UserError) as raised:
        replace(Recipe(), **{name: value}).validate()
    assert f"'{name}'" in str(raised.value)
    assert str(value) in str(raised.value)


@pytest.mark.parametrize("name", ["train_sets", "test_sets"])
@pytest.mark.parametrize("entry", ["trainval", "VOCdevkit/2007/test"])
def test_sets_are_year_and_split(name, entry):
    with pytest.raises(UserError, match=rf"year/split, as in 2007/trainval, not '{entry}'"):
        replace(Recipe(), **{name: ("2007/train", entry)}).validate()


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


def test_negative_seed():
    with pytest.raises(UserError, match="seed"):
        override(Recipe(), {"seed": "-1"}).validate()


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_name_is_a_folder_name(name):
    with pytest.raises(UserError, match="name"):
        override(Recipe(), {"name": name}).validate()


@pytest.mark.parametrize("entry", ["2007/", "/trainval"])
def test_half_a_set(entry):
    with pytest.raises(UserError, match="year/split"):
        override(Recipe(), {"train_sets": entry}).validate()
