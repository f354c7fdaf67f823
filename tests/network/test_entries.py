"""What a checkpoint says beside its weights: names that count, and entries that are refused."""

import json

import pytest
import torch
from safetensors.torch import save_file

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.network.class_rows import known_names, pick_rows, row_names
from yolox_ela.network.weights import read_checkpoint, state_dict_of
from yolox_ela.recipe import Recipe

REVERSED = tuple(reversed(VOC_CLASSES))
PREDICTORS = {f"head.cls_preds.{i}.bias": torch.arange(20.0) for i in range(3)}
STATE = {"ema": {}, "ema_updates": 1, "optimizer": {}, "scaler": None, "train_data": "x"}
STATE |= {"progress": {"step": 1}}


def recipe(**changes):
    return Recipe(classes=REVERSED).to_dict() | changes


@pytest.fixture
def saved(tmp_path):
    def save(content):
        torch.save({"model": PREDICTORS} | content, tmp_path / "file.pth")
        return tmp_path / "file.pth"

    return save


@pytest.mark.parametrize("beside", [{}, STATE, {"epoch": 3}], ids=["weights", "state", "epoch"])
def test_the_recipes_classes_name_the_rows(saved, beside):
    """Where `classes` does not: by position, each row would count as another class."""
    path = saved({"recipe": recipe()} | beside)
    content = read_checkpoint(path)
    state = state_dict_of(content, path)
    assert known_names(content, state, path) == REVERSED
    names = row_names(content, state, VOC_CLASSES, path)
    picked = pick_rows(state, names, VOC_CLASSES, path)
    assert picked["head.cls_preds.0.bias"].tolist() == list(range(19, -1, -1))


def test_an_entry_classes_goes_first(saved):
    assert read_checkpoint(saved({"recipe": recipe(), "classes": ["cat"]}))["classes"] == ["cat"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"recipe": "modifiers: []"}, "'recipe' must be a mapping of a run's settings, not 'modi"),
        ({"recipe": [1, 2]}, r"'recipe' must be a mapping .* not \[1, 2\]"),
        ({"recipe": None}, "'recipe' must be a mapping .* not None"),
        ({"classes": torch.ones(2)}, "'classes' must be a list of class names"),
        (
            {"recipe": recipe(name="\ud800")},
            "'recipe' has name = .*, which must be the name of",
        ),
        ({"recipe": {1: 2}}, "'recipe' must be a mapping"),
        ({"recipe": {"lr": 0.1}}, "'recipe' lacks name, classes, image_size, epochs, seed, train_"),
        ({"recipe": recipe(classes="cat")}, "'recipe' has classes = 'cat', which must be a tuple"),
        ({"recipe": recipe(classes=["a", "a"])}, r"'recipe' has classes = \['a', 'a'\]"),
        ({"recipe": recipe(image_size="640")}, "'recipe' has image_size = '640'"),
        ({"recipe": recipe(epochs=True)}, "'recipe' has epochs = True"),
        ({"recipe": recipe(lr=float("nan"))}, "'recipe' has lr = nan"),
        ({"recipe": recipe(freeze=[1])}, r"'recipe' has freeze = \[1\]"),
        ({"recipe": recipe(train_sets=[])}, r"'recipe' has train_sets = \[\]"),
        ({"value_range": "wide"}, "'value_range' must be two numbers .* not 'wide'"),
        ({"value_range": [255]}, r"'value_range' must be two numbers .* not \[255\]"),
        ({"value_range": [1, 2, 3]}, "'value_range'"),
        ({"value_range": [-1, 0]}, r"'value_range\[0\]' must be a number that is not negative"),
        ({"value_range": [float("inf"), 0]}, r"'value_range\[0\]'"),
        ({"value_range": 255}, "'value_range'"),
        ({"value_range": [True, "x"]}, r"'value_range\[0\]'"),
        ({"recipe": recipe(attention=3)}, "'recipe' has attention = 3, which must be text"),
        ({"recipe": recipe(image_size=33)}, "'recipe' has image_size = 33"),
        ({"recipe": recipe(epochs=-1)}, "'recipe' has epochs = -1"),
        *(
            ({"recipe": recipe(), name: value}, f"'{name}' must be")
            for name, value in {
                "experiment": 3,
                "epoch": "last",
                "metrics": [0.5],
                "start": ["coco"],
                "start_sha256": "abc",
                "train_images": -1,
                "train_data": 3,
                "test_data": None,
                "weights": 1,
                "commit": None,
            }.items()
        ),
    ],
)
def test_entries_that_cannot_be_used(saved, content, message):
    """One error that names the file and the entry, whatever would have used it."""
    with pytest.raises(UserError, match=rf"file\.pth: its entry {message}"):
        read_checkpoint(saved(content))


def test_entries_of_foreign_files_are_theirs(saved):
    content = {"epoch": "last", "metrics": [0.5], "start": 3, "commit": None, "progress": "half"}
    assert content.items() <= read_checkpoint(saved(content)).items()


@pytest.mark.parametrize("text", ["cat,dog", '"cat"', '{"0": "cat"}', "", "['cat', 'dog']"])
def test_safetensors_whose_classes_are_no_json_list(tmp_path, text):
    path = tmp_path / "w.safetensors"
    save_file(PREDICTORS, path, {"classes": text})
    with pytest.raises(
        UserError, match=r"must be a JSON list of names, as in \[\"cat\", \"dog\"\]"
    ):
        read_checkpoint(path)
    save_file(PREDICTORS, path, {"classes": json.dumps(REVERSED)})
    assert read_checkpoint(path)["classes"] == list(REVERSED)
