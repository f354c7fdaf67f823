"""The progress bar of a run, on a terminal."""

from collections.abc import Sequence

from tqdm import tqdm

from yolox_ela.train.progress import LOSS_PARTS

SHORT = {"loss": "loss", "iou": "iou", "objectness": "obj", "class": "cls", "l1": "l1"}


class TrainingBar(tqdm):
    """Epoch, steps, time gone and left, images/s, learning rate and loss parts.

    Numbers instead of a drawn bar, so that all of them fit into 80 columns.

    Args:
        total_steps: of the whole run.
        done: steps of an earlier part of the run.
        main_process: False hides the bar; otherwise it shows where stderr is a terminal.
    """

    def __init__(self, total_steps: int, done: int, *, main_process: bool) -> None:
        super().__init__(
            total=total_steps,
            initial=done,
            disable=None if main_process else True,
            dynamic_ncols=True,
            bar_format="{desc} {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}",
        )

    def show(self, epoch: str, batch_size: int, lr: float, losses: Sequence[float]) -> None:
        """Update the numbers; they appear with the next refresh."""
        if self.disable:
            return
        speed = (self.format_dict["rate"] or 0.0) * batch_size
        parts = [f"{SHORT[n]} {v:.2f}" for n, v in zip(LOSS_PARTS, losses, strict=True) if v != 0]
        self.set_description_str(epoch, refresh=False)
        self.set_postfix_str(f"{speed:.0f} img/s lr {lr:.1e} {' '.join(parts)}", refresh=False)
