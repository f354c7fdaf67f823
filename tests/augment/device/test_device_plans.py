"""Packing plans refuses what the batch renderer cannot render."""

from dataclasses import replace

import pytest

from yolox_ela.augment.device.plans import PlanBatch


def test_a_batch_has_one_output_size(image_sets):
    plans = image_sets[64].plans(1) + image_sets[96].plans(1)
    with pytest.raises(ValueError, match="one output size, got 64 and 96"):
        PlanBatch.pack(plans)
    with pytest.raises(ValueError, match="one output size"):
        PlanBatch.pack([])


def test_tiles_that_do_not_meet_are_refused(image_sets):
    (plan,) = image_sets[64].plans(1)
    x1, y1, x2, y2 = plan.tiles[0].window
    apart = replace(plan.tiles[0], window=(x1, y1, x2 - 1, y2))
    with pytest.raises(ValueError, match="does not meet the others"):
        PlanBatch.pack([replace(plan, tiles=(apart, *plan.tiles[1:]))])


def test_a_batch_can_be_moved(image_sets):
    plans = PlanBatch.pack(image_sets[64].plans(5)).to("meta")
    assert len(plans) == 5
    assert plans.size == (64, 64)
    assert {plans.images.device.type, plans.mosaics.device.type} == {"meta"}
