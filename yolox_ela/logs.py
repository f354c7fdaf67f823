"""Logging of the tools: readable lines on the screen, above a progress bar, and in a file."""

import sys
import warnings
from pathlib import Path

from loguru import logger
from tqdm import tqdm

SCREEN_FORMAT = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"
FILE_FORMAT = "{time:YYYY-MM-DD HH:mm:ss} {level: <7} {message}"


def log_to_screen(*, main_process: bool = True) -> None:
    """Send messages to stderr, from the main process only."""
    logger.remove()
    colors = sys.stderr.isatty()
    if main_process:
        logger.add(_write_above_bar, format=SCREEN_FORMAT, level="INFO", colorize=colors)
    # Upstream's assignment uses an old spelling of autocast, at every image.
    warnings.filterwarnings("ignore", message=".*torch.cuda.amp.autocast.*")
    warnings.filterwarnings("ignore", message=".*CUDA is not available.*")


def _write_above_bar(message: str) -> None:
    tqdm.write(message, end="", file=sys.stderr)


def log_to_file(path: Path) -> None:
    """Also append messages to a file."""
    logger.add(path, format=FILE_FORMAT, level="DEBUG", encoding="utf-8")
