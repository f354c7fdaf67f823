"""The time left, from what this session measured."""

import pytest

from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.train.pace import RECENT, Pace


def pace_of(steps, evaluations, *, steps_per_epoch=10, **settings):
    pace = Pace(override(Recipe(), {"epochs": 5, "eval_interval": 2, **settings}), steps_per_epoch)
    for seconds in steps:
        pace.add_step(seconds)
    for seconds in evaluations:
        pace.add_evaluation(seconds)
    return pace


@pytest.mark.parametrize(
    ("steps", "evaluations", "step", "epochs_done", "settings", "left"),
    [
        ([], [], 10, 1, {}, None),
        # Until a second step is timed, the first one counts, although it starts the loader.
        ([9.0], [], 1, 0, {}, "0:07:21 + 3 evaluations"),
        ([9.0, 2.0, 4.0], [], 3, 0, {}, "0:02:21 + 3 evaluations"),
        # 20 steps of 3 s are left, and the evaluations after epochs 4 and 5, of 60 s each.
        ([9.0, 2.0, 4.0], [50.0, 70.0], 30, 3, {}, "0:03:00"),
        # With the raw weights beside the averaged ones, twice as many.
        ([9.0, 2.0, 4.0], [50.0, 70.0], 30, 3, {"evaluate_raw": True}, "0:05:00"),
        ([9.0, 3.0], [], 40, 4, {}, "0:00:30 + 1 evaluation"),
        # All steps are done, and the last evaluation is not.
        ([9.0, 3.0], [60.0], 50, 4, {}, "0:01:00"),
        ([9.0, 3.0], [60.0], 50, 5, {}, "0:00:00"),
        # A resumed run counts its own two steps only, though it stands in the middle of epoch 3.
        ([1.0, 1.0], [], 25, 2, {}, "0:00:25 + 2 evaluations"),
        # The machine has become slower.
        ([1.0] * 500 + [4.0] * RECENT, [60.0], 30, 3, {}, "0:03:20"),
    ],
)
def test_time_left(steps, evaluations, step, epochs_done, settings, left):
    assert pace_of(steps, evaluations, **settings).time_left(step, epochs_done) == left


@pytest.mark.parametrize(
    ("epochs", "interval", "done", "left"),
    [
        (5, 2, 0, 3),
        (5, 2, 2, 2),
        (5, 2, 4, 1),
        (5, 2, 5, 0),
        (4, 2, 3, 1),
        (4, 2, 4, 0),
        (3, 9, 0, 1),
    ],
)
def test_evaluations_left(epochs, interval, done, left):
    pace = pace_of([], [], epochs=epochs, eval_interval=interval)
    evaluated = [e for e in range(1, epochs + 1) if e % interval == 0 or e == epochs]
    assert pace.evaluations_left(done) == left == len([e for e in evaluated if e > done])


def test_images_per_second():
    assert pace_of([], []).images_per_second() == 0
    assert pace_of([9.0, 0.5, 0.5], []).images_per_second() == 32
