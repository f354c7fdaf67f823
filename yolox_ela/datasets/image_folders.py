"""Data for classifiers: a folder of photographs for each class.

    DATA/train/CLASS/*.jpg  and  DATA/val/CLASS/*.jpg       or      DATA/CLASS/*.jpg

The second form is one set, of which `val_fraction` sets a part aside.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolox_ela.datasets.photos import Photos, verified
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES

TRAIN, VAL = "train", ("val", "valid", "test")


Labelled = list[tuple[Path, int]]  # files with the numbers of their classes


def load_image_folders(
    data: Path,
    classes: Sequence[str] = (),
    val_fraction: float = 0.0,
    seed: int = 0,
    test_set: str = "",
) -> tuple[Photos, Photos]:
    """The photographs to train and to evaluate on; every one is read once.

    Args:
        data: the folder.
        classes: names of classes in their order; by default those of the folders, sorted.
        val_fraction: share of each class that is set aside where there is a single set.
        seed: the seed by which these photographs are chosen.
        test_set: name of the folder to evaluate on; by default val, valid or test.

    Raises:
        UserError: a folder is missing or empty, the sets have other classes, or a file is no
            undamaged image.
    """
    names, train, test = _both_sets(data, classes, val_fraction, seed, test_set)
    return _photos(data, names, train), _photos(data, names, test)


def load_test_folders(
    data: Path, classes: Sequence[str], val_fraction: float, seed: int, test_set: str
) -> Photos:
    """The photographs to evaluate on alone; the arguments are those of `load_image_folders`.

    The folder needs no photographs to train on, unless some of these are set aside.
    """
    there = _test_folders(data, test_set)
    if val_fraction or not there or not classes:
        names, _, test = _both_sets(data, classes, val_fraction, seed, test_set)
        return _photos(data, names, test)
    found = _files_of(there[0])
    _require_classes(found, classes, there[0], all_of_them=False)
    return _photos(data, classes, _labelled(found, classes))


def _both_sets(
    data: Path, classes: Sequence[str], val_fraction: float, seed: int, test_set: str
) -> tuple[tuple[str, ...], Labelled, Labelled]:
    """The names of the classes, the files to train on, and those to evaluate on."""
    train, val = _set_folders(data, val_fraction, test_set)
    found = _files_of(train)
    names = tuple(classes) or tuple(sorted(found))
    _require_classes(found, names, train)
    labelled = _labelled(found, names)
    if val is None:
        at = _divided(np.array([label for _, label in labelled]), val_fraction, seed)
        parts = [[labelled[i] for i in np.flatnonzero(at == part)] for part in (False, True)]
        return names, parts[0], parts[1]
    others = _files_of(val)
    _require_classes(others, names, val, all_of_them=False)
    return names, labelled, _labelled(others, names)


def _photos(data: Path, names: Sequence[str], labelled: Labelled) -> Photos:
    return verified(
        names,
        [str(path.relative_to(data)) for path, _ in labelled],
        [path for path, _ in labelled],
        np.array([label for _, label in labelled], np.int64),
    )


def _test_folders(data: Path, test_set: str) -> list[Path]:
    """The folders that can be evaluated on, the first of which is."""
    if not data.is_dir():
        raise UserError(f"no folder of images at {data}; name it with --data")
    there = [data / name for name in ((test_set,) if test_set else VAL) if (data / name).is_dir()]
    if test_set and not there:
        raise UserError(f"{data} has no folder '{test_set}' to evaluate on")
    return there


def _set_folders(data: Path, val_fraction: float, test_set: str) -> tuple[Path, Path | None]:
    """The folders of the set to train on and, if there is one, of that to evaluate on."""
    there = _test_folders(data, test_set)
    if (data / TRAIN).is_dir() and there:
        if val_fraction:
            raise UserError(
                f"{data} has sets of its own, {TRAIN} and {there[0].name}: leave val_fraction out"
            )
        return data / TRAIN, there[0]
    single = data / TRAIN if (data / TRAIN).is_dir() else data
    if not val_fraction:
        raise UserError(
            f"{data} has no folders {TRAIN} and {VAL[0]}: add val_fraction 0.2 to set a fifth of "
            "its images aside for evaluation"
        )
    return single, None


def _files_of(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, by the names of the folders; UserError for one without images."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            images = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
            if not images:
                raise UserError(
                    f"class '{path.name}' has no images in {path}: add some, or remove the folder"
                )
            found[path.name] = images
    if not found:
        raise UserError(
            f"{folder} has no folders of images, one for each class, as in {folder / 'cat'}"
        )
    return found


def _require_classes(
    found: dict[str, list[Path]], names: Sequence[str], folder: Path, *, all_of_them: bool = True
) -> None:
    unknown = [name for name in found if name not in names]
    if unknown:
        raise UserError(
            f"{folder} has the class '{unknown[0]}', which is none of the classes to train on "
            f"({', '.join(names[:10])}{', ...' if len(names) > 10 else ''}): a class that is only "
            "evaluated cannot be learned; add its images to the training set, or remove its folder"
        )
    missing = [name for name in names if name not in found]
    if missing and all_of_them:
        raise UserError(f"{folder} has no folder for the class '{missing[0]}'")


def _labelled(found: dict[str, list[Path]], names: Sequence[str]) -> Labelled:
    return [(path, label) for label, name in enumerate(names) for path in found.get(name, [])]


def _divided(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """(I,) whether an image is set aside: this share of each class, at least one and not all."""
    chosen = np.zeros(len(labels), bool)
    generator = np.random.default_rng([seed, 2])
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise UserError(
                "val_fraction needs at least two images of each class; the class with the number "
                f"{label} has one"
            )
        count = min(len(rows) - 1, max(1, round(share * len(rows))))
        chosen[generator.permutation(rows)[:count]] = True
    return chosen
