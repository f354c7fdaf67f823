"""Silencing upstream, which prints and logs a lot."""

import contextlib
import io
from collections.abc import Iterator

from loguru import logger


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A context in which package `yolox` prints and logs nothing."""
    logger.disable("yolox")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.enable("yolox")
