"""Two sides compared on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.report.bootstrap import Difference, Run, bootstrap_differences

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """How much higher the second side scores than the first.

    Attributes:
        names: of the two sides.
        seeds: number of runs of each.
        classes: names of the labels.
        images: number of images that both were scored on.
        differences: for each of `METRICS`, in their order.
    """

    names: tuple[str, str]
    seeds: tuple[int, int]
    classes: tuple[str, ...]
    images: int
    differences: dict[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """As plain values; AP in 0-1."""
        return {
            "names": list(self.names),
            "seeds": list(self.seeds),
            "images": self.images,
            "resamples": RESAMPLES,
            "confidence": CONFIDENCE,
            "differences": {
                metric: difference.to_json(self.classes)
                for metric, difference in self.differences.items()
            },
        }


def compare(
    names: tuple[str, str], first: Sequence[Run], second: Sequence[Run], split: VocSplit
) -> Comparison:
    """Compare two sides; about 5 s for each run on 1,500 images.

    Args:
        names: of the two sides.
        first: detections and scores of one side, one pair for each of its seeds.
        second: those of the other side.
        split: the images that all of them were scored on.

    Raises:
        ValueError: a side has no runs.
    """
    differences = bootstrap_differences(
        first, second, split, resamples=RESAMPLES, confidence=CONFIDENCE
    )
    return Comparison(
        names=names,
        seeds=(len(first), len(second)),
        classes=split.classes,
        images=len(split),
        differences=differences,
    )
