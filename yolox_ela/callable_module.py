"""Packages of the same name as a function of the package: `yolox_ela.train` is both.

Whoever writes `from yolox_ela import train` wants the function, and `import yolox_ela.train.engine`
needs the package. Python keeps one of them under the name, so that the package itself is called.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from yolox_ela.system.libraries import explain_missing_libraries


class CallableModule(ModuleType):
    """A module that is called like the function of its name in `yolox_ela.api`."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function; only then torch is imported.

        Raises:
            UserError: see the function.
        """
        with explain_missing_libraries():
            api = import_module("yolox_ela.api")
        return getattr(api, self.__name__.rpartition(".")[2])(*args, **keywords)
