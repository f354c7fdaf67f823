"""Dividing a set of images by shares, every class spread as evenly as can be.

The greedy method is iterative stratification for several labels an image (Sechidis, Tsoumakas and
Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011): the rarest class is dealt
first, each image to the part that lacks most of this class.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.errors import UserError

PARTS = {2: ("train", "val"), 3: ("train", "val", "test")}


def require_shares(shares: Sequence[float]) -> None:
    """Raise UserError unless two or three positive shares sum to 1."""
    if len(shares) not in PARTS or min(shares) <= 0 or not math.isclose(sum(shares), 1):
        raise UserError(
            "--shares must be two numbers (train and val) or three (train, val and test) that sum "
            f"to 1, as in 0.8,0.2, not {','.join(f'{share:g}' for share in shares)}"
        )


def divide(
    images: Sequence[CheckedImage],
    pictures: Sequence[object],
    shares: Sequence[float],
    seed: int,
) -> list[list[int]]:
    """Which images go to which part.

    Args:
        images: their ids decide their order before shuffling, so that the order here is irrelevant.
        pictures: a key of each image; images of equal keys stay in one part.
        shares: the parts' shares of the images, which sum to 1.
        seed: the seed of the shuffling.

    Returns:
        The positions of each part's images, in the order of their ids.

    Raises:
        UserError: there are too few images for a part to get one.
    """
    order = sorted(range(len(images)), key=lambda at: images[at].id)
    groups: dict[object, list[int]] = {}
    for at in order:
        groups.setdefault(pictures[at], []).append(at)
    members = list(groups.values())
    np.random.default_rng(seed).shuffle(members)  # type: ignore[arg-type]
    part_of = _deal([[_labels(images[at]) for at in group] for group in members], shares)
    parts: list[list[int]] = [[] for _ in shares]
    for group, part in zip(members, part_of, strict=True):
        parts[part] += group
    if not all(parts):
        raise UserError(
            f"{len(images)} images ({len(members)} different ones) are too few for shares of "
            f"{','.join(f'{share:g}' for share in shares)}"
        )
    return [sorted(part, key=lambda at: images[at].id) for part in parts]


def _labels(image: CheckedImage) -> set[int]:
    """The classes in an image; -1 for none, so that images without objects are spread as well."""
    return set(image.labels.tolist()) or {-1}


def _deal(groups: Sequence[Sequence[set[int]]], shares: Sequence[float]) -> list[int]:
    """The part of each group of images, of which each is the set of its classes."""
    counts: list[dict[int, int]] = []
    holding: dict[int, list[int]] = defaultdict(list)  # the groups of each class
    totals: dict[int, int] = defaultdict(int)
    for at, group in enumerate(groups):
        own: dict[int, int] = defaultdict(int)
        for labels in group:
            for label in labels:
                own[label] += 1
        counts.append(own)
        for label, count in own.items():
            holding[label].append(at)
            totals[label] += count
    images = sum(len(group) for group in groups)
    lacking = [{label: share * total for label, total in totals.items()} for share in shares]
    room = [share * images for share in shares]
    left = dict(totals)
    part_of = [-1] * len(groups)
    while left:
        rarest = min(left, key=lambda label: (left[label], label))
        for at in holding[rarest]:
            if part_of[at] >= 0:
                continue
            part = max(range(len(shares)), key=lambda p: (lacking[p][rarest], room[p]))
            part_of[at] = part
            room[part] -= len(groups[at])
            for label, count in counts[at].items():
                lacking[part][label] -= count
                if label in left:
                    left[label] -= count
        del left[rarest]
    return part_of
