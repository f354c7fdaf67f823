"""The settings of a run as the text in a row of results."""

from collections.abc import Mapping
from typing import Any

from yolox_ela.experiment import Experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.network.class_rows import same_classes
from yolox_ela.recipe import Recipe

# Settings that are a part of the method: an experiment's own value is the usual one.
MODEL_FIELDS = ("share_sites", "size", "attention", "sites")
# Settings that have a column of their own, or no effect on the result.
NOT_SETTINGS = (
    "name",
    "seed",
    "epochs",
    "train_sets",
    "test_sets",
    "score_threshold",
    "nms_iou",
    "workers",
    "eval_interval",
    "evaluate_start",
    "evaluate_raw",
)


def settings_text(recipe: Mapping[str, Any], exp: Experiment) -> str:
    """The settings that differ from the usual ones, as `field=value; field=value`.

    `image_size` is among them if training and evaluation differ in it. The order of classes does
    not matter; `evaluated_classes` is among them if other classes were trained than evaluated.

    Args:
        recipe: the settings of the training, as plain values.
        exp: the experiment with the settings of the evaluation.
    """
    usual = exp.as_defined()
    usual |= {k: v for k, v in Recipe().to_dict().items() if k not in MODEL_FIELDS}
    usual["image_size"] = exp.to_dict()["image_size"]
    parts = [
        _part(key, _plain(key, value))
        for key, value in sorted(recipe.items())
        if key not in NOT_SETTINGS and _plain(key, value) != _plain(key, usual.get(key))
    ]
    if not same_classes(recipe.get("classes", exp.classes), exp.classes):
        parts.append(_part("evaluated_classes", sorted(exp.classes)))
    return "; ".join(parts)


def model_fields(exp: Experiment) -> dict[str, Any]:
    """The settings that shape the network: all that is known of weights without a recipe."""
    training = Recipe().to_dict().keys() - {*MODEL_FIELDS, "classes"}
    return {key: value for key, value in exp.to_dict().items() if key not in training}


def with_recipe_name(text: str) -> str:
    """The text of `settings_text` with the settings of a named recipe replaced by its name.

    They are replaced only if all of them are there with the values that they have now.
    """
    parts = text.split("; ")
    for name, changes in RECIPES.items():
        named = {_part(key, value) for key, value in changes.items() if key not in NOT_SETTINGS}
        if named and named <= set(parts):
            return "; ".join([f"recipe {name}", *(part for part in parts if part not in named)])
    return text


def _plain(key: str, value: Any) -> Any:
    """A value for comparison: class names are sorted, since their order has no meaning."""
    return sorted(value) if key == "classes" else value


def _part(key: str, value: Any) -> str:
    """A field and its value as one writes it on the command line."""
    return f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}"
