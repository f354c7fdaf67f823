"""Evaluation: running a network over a split, matching, and average precision.

The package can be called: `yolox_ela.evaluate(...)` is `yolox_ela.api.evaluate`.
"""

import sys

from yolox_ela.callable_module import CallableModule

sys.modules[__name__].__class__ = CallableModule
