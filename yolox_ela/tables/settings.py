"""The settings of a run as the text that results record."""

from collections.abc import Mapping
from typing import Any

from yolox_ela.experiment import Experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.network.class_rows import same_classes
from yolox_ela.recipe import Recipe

# A part of the method: each experiment's own value is the usual one.
MODEL_FIELDS = ("share_sites",)
# What has a column of its own, or no effect on the result.
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
    """`field=value; ...` of the fields of a recipe (plain values) that differ from the usual ones.

    `image_size` is among them if training had another one than the evaluation. Classes count as a
    set; `evaluated_classes` are there if they are not the ones that were trained.
    """
    usual = exp.as_defined()
    usual |= {k: v for k, v in Recipe().to_dict().items() if k not in MODEL_FIELDS}
    usual["image_size"] = exp.image_size
    parts = [
        _part(key, _plain(key, value))
        for key, value in sorted(recipe.items())
        if key not in NOT_SETTINGS and _plain(key, value) != _plain(key, usual.get(key))
    ]
    if not same_classes(recipe.get("classes", exp.classes), exp.classes):
        parts.append(_part("evaluated_classes", sorted(exp.classes)))
    return "; ".join(parts)


def model_fields(exp: Experiment) -> dict[str, Any]:
    """The fields that make the network: all that is known of weights without a recipe."""
    training = Recipe().to_dict().keys() - {*MODEL_FIELDS, "classes"}
    return {key: value for key, value in exp.to_dict().items() if key not in training}


def with_recipe_name(text: str) -> str:
    """What `settings_text` gave, the settings of a named recipe replaced by its name.

    Only if all of them are there with the values that they have now.
    """
    parts = text.split("; ")
    for name, changes in RECIPES.items():
        named = {_part(key, value) for key, value in changes.items() if key not in NOT_SETTINGS}
        if named and named <= set(parts):
            return "; ".join([f"recipe {name}", *(part for part in parts if part not in named)])
    return text


def _plain(key: str, value: Any) -> Any:
    """A value to compare: the order of class names means nothing."""
    return sorted(value) if key == "classes" else value


def _part(key: str, value: Any) -> str:
    """A field and its value as one writes it on the command line."""
    return f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}"
