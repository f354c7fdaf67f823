"""Weights of classes: their values from the data, and what they change in a step."""

from functools import cache

import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.network.model import build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.class_weights import class_weights
from yolox_ela.train.step import TrainStep

BOX = (10, 10, 50, 50)


def weights_of(build_split, text, counts=(6, 0, 2), classes=("cat", "dog", "cow")):
    split = build_split([[(label, BOX)] * n for label, n in enumerate(counts)], classes)
    weights = class_weights(Recipe(class_weights=text, classes=classes), split)
    return None if weights is None else weights.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", None),
        ("balanced", [8 / (2 * 6), 1, 8 / (2 * 2)]),  # a mean of 1 over the eight objects
        ("cow:2.5", [1, 1, 2.5]),
        ("cow:2, cat:0.5", [0.5, 1, 2]),
    ],
)
def test_values(build_split, text, expected):
    weights = weights_of(build_split, text)
    assert weights == (None if expected is None else pytest.approx(expected))


def test_equally_frequent_classes_have_exactly_one(build_split):
    assert weights_of(build_split, "balanced", counts=(7, 7, 7)) == [1, 1, 1]


def test_a_name_with_a_colon(build_split):
    classes = ("cat: small", "dog", "cow")
    assert weights_of(build_split, "cat: small:3", classes=classes) == [3, 1, 1]


def test_a_name_that_is_no_class(build_split):
    with pytest.raises(UserError, match=r"class_weights names 'cows', .*; did you mean cow"):
        weights_of(build_split, "cows:2")
    with pytest.raises(UserError, match="no class of the run; they are cat, dog, cow"):
        weights_of(build_split, "xyzzy:2")


@pytest.mark.parametrize(
    "text",
    ["", "balance", "cow", "cow:", ":2", "cow:0", "cow:-1", "cow:nan", "cow:inf", "cow:1,cow:2"],
)
def test_other_texts(text):
    with pytest.raises(UserError, match=r"'class_weights' = .* must be none, balanced, or weights"):
        Recipe(class_weights=text).validate()


@pytest.mark.parametrize("text", ["none", "balanced", "cow:2", "cow:2,cat: small:1e-3"])
def test_texts_that_work(text):
    Recipe(class_weights=text).validate()


# What they change in a step


@cache
def take_step(weights, *, dense, labels=(1, 1)):
    """The losses of a step on objects of these classes, and the weights after it."""
    torch.manual_seed(0)
    network = build_yolox(3)
    network.head.dense = dense
    recipe = Recipe(lr=0.01, class_weights="none" if weights is None else "balanced")
    given = None if weights is None else torch.tensor(weights)
    step = TrainStep(network, recipe, build_accelerator("cpu", "fp32"), class_weights=given)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    targets = torch.tensor(
        [
            [[labels[0], 20, 20, 20, 20], [0, 0, 0, 0, 0]],
            [[labels[1], 40, 30, 30, 30], [2, 9, 9, 9, 9]],
        ]
    )
    losses = step(images, targets.float(), 0.01, use_l1=True)
    losses = {name: torch.as_tensor(value).item() for name, value in losses.items()}
    return losses, network.state_dict()


@pytest.mark.parametrize("dense", [False, True], ids=["loop", "dense"])
def test_weights_of_one_change_no_bit(dense):
    losses, state = take_step(None, dense=dense)
    weighted, other = take_step((1.0, 1.0, 1.0), dense=dense)
    assert weighted == losses
    assert state.keys() == other.keys(), "they are not saved with the network"
    assert all(torch.equal(state[name], other[name]) for name in state)


@pytest.mark.parametrize("dense", [False, True], ids=["loop", "dense"])
def test_only_the_class_loss_of_the_class_changes(dense):
    plain, _ = take_step(None, dense=dense)
    weighted, _ = take_step((1.0, 3.0, 1.0), dense=dense)
    every, _ = take_step((3.0, 3.0, 3.0), dense=dense)
    other, _ = take_step((5.0, 1.0, 1.0), dense=dense)
    assert other == plain, "no object of that class"
    assert every["cls_loss"] == pytest.approx(3 * plain["cls_loss"])
    assert plain["cls_loss"] < weighted["cls_loss"] < every["cls_loss"]
    for name in ("iou_loss", "conf_loss", "l1_loss", "foreground"):
        assert weighted[name] == plain[name]
    added = weighted["cls_loss"] - plain["cls_loss"]
    assert weighted["total_loss"] == pytest.approx(plain["total_loss"] + added)


def test_both_losses_take_the_same_step():
    (loop, state), (dense, other) = (
        take_step((0.2, 3.0, 7.0), dense=dense, labels=(0, 1)) for dense in (False, True)
    )
    assert loop == pytest.approx(dense, rel=1e-5)
    for name, tensor in state.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-3, atol=1e-4)


def test_images_without_objects():
    head = build_yolox(3).head
    head.class_weights = torch.tensor([1.0, 2.0, 3.0])
    maps = [torch.randn(1, c, 64 // s, 64 // s) for c, s in ((64, 8), (128, 16), (256, 32))]
    for dense in (False, True):
        head.dense = dense
        losses = head(maps, torch.zeros(1, 2, 5))
        assert losses[3] == 0
        assert losses[0] > 0


def test_a_step_without_the_weights_that_its_recipe_wants():
    with pytest.raises(ValueError, match="class_weights are part of the recipe"):
        TrainStep(
            build_yolox(3), Recipe(class_weights="balanced"), build_accelerator("cpu", "fp32")
        )
