"""YOLOX with plug-in attention (ELA and its rivals), fine-tuned on Pascal VOC.

    from yolox_ela import Detector, UserError, evaluate, train

Nothing is imported before it is used, so `yolox_ela.attention` stays usable with torch alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolox_ela.api import evaluate, train
    from yolox_ela.errors import UserError
    from yolox_ela.predict import Detector

__all__ = ["Detector", "UserError", "evaluate", "train"]


def __getattr__(name: str) -> Any:
    """Import one of the names above at its first use."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    from yolox_ela.system.libraries import explain_missing_libraries

    if name in ("evaluate", "train"):  # see `CallableModule`
        return import_module(f"{__name__}.{name}")
    with explain_missing_libraries():
        module = import_module(f"{__name__}.{'predict' if name == 'Detector' else 'errors'}")
    return getattr(module, name)


def __dir__() -> list[str]:
    """The names above are offered for completion too."""
    return sorted({*globals(), *__all__})
