"""Training: the loop, its optimizer, schedule, averaging and checkpoints.

The package can be called: `yolox_ela.train(...)` is `yolox_ela.api.train`.
"""

import sys

from yolox_ela.callable_module import CallableModule

sys.modules[__name__].__class__ = CallableModule
