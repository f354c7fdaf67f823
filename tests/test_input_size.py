"""The size of the network's input: one form for each size, wherever it is written."""

import json
from dataclasses import replace

import pytest

from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.input_size import InputSize, parse_image_size
from yolox_ela.overrides import override, recorded_settings
from yolox_ela.recipe import Recipe
from yolox_ela.tables.settings import settings_text
from yolox_ela.train.checkpoint import require_same_run
from yolox_ela.trained import adopt_checkpoint

SQUARES = ["320", "320,320", "(320, 320)", "[320,320]", 320, (320, 320), [320, 320]]
RECTANGLES = ["192,320", "192, 320", "(192, 320)", "[192, 320]", (192, 320), [192, 320]]


@pytest.mark.parametrize(
    ("spellings", "value", "plain", "text"),
    [(SQUARES, 320, 320, "320"), (RECTANGLES, (192, 320), [192, 320], "192,320")],
    ids=["square", "rectangle"],
)
def test_every_spelling_is_the_same_setting(spellings, value, plain, text, tmp_path):
    path = tmp_path / "mine.py"
    for spelling in spellings:
        recipe = override(Recipe(), {"image_size": spelling})
        recipe.validate()
        assert recipe == Recipe(image_size=spelling if spelling in spellings[-2:] else value)
        assert (recipe.image_size, recipe.to_dict()["image_size"]) == (value, plain)
        assert str(InputSize.of(recipe.image_size)) == text
        assert parse_image_size(text) == value
        if not isinstance(spelling, str):
            for source in (
                f"exp = Experiment(image_size={spelling})",
                f"class Exp(Experiment):\n    image_size = {spelling}",
            ):
                path.write_text("from yolox_ela.experiment import Experiment\n" + source)
                assert load_experiment(path).to_dict()["image_size"] == plain


@pytest.mark.parametrize("text", ["480x640", "480,640,3", "640.0", "", ",", "wide"])
def test_other_texts_are_refused(text):
    with pytest.raises(
        UserError, match=r"'image_size' takes a multiple of 32 .* HEIGHT,WIDTH, not"
    ):
        override(Recipe(), {"image_size": text})


def test_the_height_comes_first():
    assert InputSize.of((480, 640)) == InputSize(height=480, width=640)


@pytest.mark.parametrize(
    ("first", "same", "other"), [("64", "64,64", "64,96"), ("64,96", "64,96", "96,64")]
)
def test_a_run_is_resumed_with_the_same_size_only(first, same, other, tmp_path):
    content = {
        "recipe": json.loads(json.dumps(Recipe(image_size=parse_image_size(first)).to_dict()))
    }
    require_same_run(content, override(Recipe(), {"image_size": same}), tmp_path)
    with pytest.raises(UserError, match="image_size was"):
        require_same_run(content, override(Recipe(), {"image_size": other}), tmp_path)


def test_weights_keep_their_size():
    exp = load_experiment("nano")
    recipe = json.loads(json.dumps(replace(exp, image_size=(192, 320)).to_dict()))
    assert adopt_checkpoint(exp, {"recipe": recipe}).image_size == (192, 320)
    assert recorded_settings(recipe)["image_size"] == (192, 320)


def test_the_settings_of_a_row_name_the_size_in_training():
    trained = replace(load_experiment("nano"), image_size=(192, 320))
    assert "image_size" not in settings_text(trained.to_dict(), trained)
    other = replace(trained, image_size=320)
    assert settings_text(trained.to_dict(), other) == "image_size=192,320"
    assert settings_text(other.to_dict(), trained) == "image_size=320"
