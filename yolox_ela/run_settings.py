"""What the loop of training reads of a recipe, whatever the recipe trains.

`Recipe` is that of YOLOX; those of the paper's other networks are in `tasks/`. Each states its own
defaults, rules and meanings. A value given here is that of a recipe without such a setting.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, get_type_hints

from yolox_ela.errors import UserError
from yolox_ela.field_rules import complaint

# The metadata of a dataclass field that is no setting: no override changes it, no run records it.
NOT_A_SETTING = {"setting": False}
TENTH = 10  # what --quick divides epochs and images by


class RunSettings:
    """Settings of a training run; a dataclass derived from this has them as its fields."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # only of derived classes

    name: str
    attention: Callable[[int], Any] | str | None
    classes: tuple[str, ...]
    workers: int
    overfit: int
    quick: bool
    epochs: int
    batch_size: int
    lr: float
    seed: int
    optimizer: str
    momentum: float
    weight_decay: float
    lr_factor_new: float
    lr_factor_pretrained: float
    warmup_steps: int
    freeze: tuple[str, ...]
    grad_clip: float
    ema_decay: float
    ema_ramp: float
    precision: str
    eval_interval: int
    patience: int
    evaluate_raw: bool
    freeze_batchnorm: bool
    sync_batchnorm: bool

    nesterov = True
    decays_all = False  # or convolution and linear weights alone
    freeze_backbone_steps: int = 0
    start_share: float = 0.0
    evaluate_start: str = "never"
    package_name: str = ""
    overfit_settings: ClassVar[Mapping[str, Any]] = {}  # what --overfit changes
    quick_settings: ClassVar[Mapping[str, Any]] = {}  # what --quick changes, beside dividing

    @property
    def peak_lr(self) -> float:
        """Learning rate after warm-up."""
        return self.lr

    @property
    def final_epochs(self) -> int:
        """Number of epochs at the end without mosaic."""
        return 0

    def is_new(self, parameter: str) -> bool:
        """Whether a parameter of this name learns by `lr_factor_new`, not `lr_factor_pretrained`.

        It is one that no pretrained weights give a value to.
        """
        raise NotImplementedError

    def is_backbone(self, parameter: str) -> bool:
        """Whether a parameter of this name stays as it is for `freeze_backbone_steps`."""
        return False

    def validate(self) -> None:
        """Raise UserError, naming the setting and its rule, for a value that cannot work."""
        hints = get_type_hints(type(self), include_extras=True)
        for setting in setting_fields(self):
            value = getattr(self, setting.name)
            if said := complaint(value, hints[setting.name]):
                raise UserError(f"recipe field '{setting.name}' = {value!r} {said}")

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values; `attention` is empty where it is no text."""
        values = {field.name: getattr(self, field.name) for field in setting_fields(self)}
        values["attention"] = self.attention_text()
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
        }

    def network_suffix(self) -> str:
        """What belongs behind the name because the network is another one than the name says."""
        return ""

    def attention_text(self) -> str:
        """The attention where it is a text; empty where it is Python's."""
        return str(self.attention) if isinstance(self.attention, str) else ""


def setting_fields(recipe: RunSettings | type[RunSettings]) -> list[Field[Any]]:
    """The fields of a recipe that are settings, in their order."""
    return [field for field in fields(recipe) if field.metadata.get("setting", True)]
