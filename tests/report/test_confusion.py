"""The confusion matrix with the background."""

import numpy as np
import pytest

from yolox_ela.report.confusion import confusion_matrix, plot_confusion

CAT, DOG, COW, BACKGROUND = 0, 1, 2, 3
A, B, FAR = (10, 10, 109, 109), (300, 10, 399, 109), (600, 600, 640, 640)
CLOSE_TO_A = (15, 10, 114, 109)


def counts_of(detections, split, threshold=0.3, **options):
    """The cells that are not 0, as {(true, predicted): count}."""
    counts = confusion_matrix(detections, split, threshold, **options).counts
    return {(int(r), int(c)): int(counts[r, c]) for r, c in np.argwhere(counts)}


def test_each_cell(build_split, build_detections):
    split = build_split([[(CAT, A), (DOG, B)], [(COW, A)], []])
    rows = [(0, CAT, 0.9, A), (0, CAT, 0.8, B), (0, DOG, 0.7, FAR), (2, COW, 0.5, A)]
    assert counts_of(build_detections(rows), split) == {
        (CAT, CAT): 1,
        (DOG, CAT): 1,
        (BACKGROUND, DOG): 1,
        (BACKGROUND, COW): 1,
        (COW, BACKGROUND): 1,
    }


def test_the_best_score_takes_the_object_whatever_its_class(build_split, build_detections):
    split = build_split([[(CAT, A)]])
    rows = [(0, CAT, 0.6, A), (0, DOG, 0.9, A)]
    expected = {(CAT, DOG): 1, (BACKGROUND, CAT): 1}
    assert counts_of(build_detections(rows), split) == expected
    assert counts_of(build_detections(rows[::-1]), split) == expected


def test_the_next_object_is_taken_if_the_first_is_gone(build_split, build_detections):
    split = build_split([[(CAT, A), (DOG, CLOSE_TO_A)]])
    rows = [(0, CAT, 0.9, A), (0, DOG, 0.8, A)]
    assert counts_of(build_detections(rows), split) == {(CAT, CAT): 1, (DOG, DOG): 1}


def test_detections_below_the_threshold_are_left_out(build_split, build_detections):
    split = build_split([[(CAT, A)]])
    found = build_detections([(0, CAT, 0.3, A)])
    assert counts_of(found, split, 0.3) == {(CAT, CAT): 1}
    assert counts_of(found, split, 0.31) == {(CAT, BACKGROUND): 1}


def test_difficult_objects_are_in_no_cell(build_split, build_detections):
    split = build_split([[(CAT, A, True)]])
    rows = [(0, CAT, 0.9, A), (0, DOG, 0.8, A), (0, DOG, 0.7, FAR)]
    confusion = confusion_matrix(build_detections(rows), split, 0.3)
    assert confusion.ignored == 2
    assert confusion.counts.sum() == confusion.counts[BACKGROUND, DOG] == 1


def test_overlap_must_exceed_the_threshold(build_split, build_detections):
    split = build_split([[(CAT, A)]])
    found = build_detections([(0, CAT, 0.9, (10, 10, 109, 59))])  # half of it, inclusive pixels
    assert counts_of(found, split, iou=0.5) == {(CAT, BACKGROUND): 1, (BACKGROUND, CAT): 1}
    assert counts_of(found, split, iou=0.49) == {(CAT, CAT): 1}


@pytest.mark.parametrize("seed", range(10))
def test_sums(random_run, seed):
    split, found = random_run(seed)
    confusion = confusion_matrix(found, split, 0.3)
    objects = np.bincount(split.labels[~split.difficult], minlength=3)
    assert (confusion.counts.sum(axis=1)[:3] == objects).all()
    kept = (found.scores >= 0.3).sum()
    assert confusion.counts[:, :3].sum() + confusion.ignored == kept
    assert confusion.counts[BACKGROUND, BACKGROUND] == 0
    shares = confusion.shares
    assert shares[np.isfinite(shares).all(axis=1)].sum(axis=1) == pytest.approx(1)


def test_shares_from_five_percent_are_written_out(scored_run):
    split, found, _ = scored_run
    confusion = confusion_matrix(found, split, 0.3)
    axes = plot_confusion(confusion, split.classes).axes[0]
    shares = confusion.shares
    shares[-1, -1] = 0
    expected = {
        (column, row): f"{100 * shares[row, column]:.0f}"
        for row, column in np.argwhere(shares >= 0.05)
    }
    assert {text.get_position(): text.get_text() for text in axes.texts} == expected
