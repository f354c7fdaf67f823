"""Settings as text, and the names of recipes in it."""

from yolox_ela.experiment import Experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.overrides import override
from yolox_ela.tables.settings import settings_text, with_recipe_name


def text(**changes):
    exp = override(Experiment(), changes)
    return settings_text(exp.to_dict(), exp)


def test_settings_that_differ():
    assert text(seed=3, lr=0.5, classes=("cat", "dog")) == "classes=cat,dog; lr=0.5"


def test_a_named_recipe():
    tuned = RECIPES["tuned"]
    assert with_recipe_name(text(**tuned)) == "recipe tuned"
    assert with_recipe_name(text(**tuned, momentum=0.5)) == "recipe tuned; momentum=0.5"


def test_one_setting_apart_is_another_recipe():
    changed = text(**{**RECIPES["tuned"], "grad_clip": 3.0})
    assert with_recipe_name(changed) == changed
    assert with_recipe_name("") == ""
    assert with_recipe_name(text(lr=0.5)) == "lr=0.5"
