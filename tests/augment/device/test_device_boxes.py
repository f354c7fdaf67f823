"""Targets of batches made by torch are those of `plan_boxes`."""

import numpy as np
import pytest
import torch

from yolox_ela.augment.device.boxes import DeviceObjects, batch_targets, most_objects
from yolox_ela.augment.device.plans import PlanBatch

RECIPES = {
    "default": {},
    "upright": {"degrees": 0.0, "shear": 0.0},
    "turned far": {"degrees": 180.0, "shear": 20.0, "translate": 0.5},
    "mirrored": {"flip_prob": 1.0},
    "not mirrored": {"flip_prob": 0.0},
}


def targets_of(image_set, plans, device="cpu", rows=None):
    """(B, M, 5) array."""
    rows = rows or most_objects(plans, image_set.offsets)
    batch = PlanBatch.pack(plans).to(device)
    return batch_targets(batch, image_set.objects(device), rows).cpu().numpy()


@pytest.mark.parametrize("size", [96, (64, 160), (160, 96)])
@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_targets_are_those_of_the_plans(image_sets, device, fields, size):
    image_set = image_sets[size]
    plans = image_set.plans(64, **fields)
    targets = targets_of(image_set, plans, device)
    assert targets.dtype == np.float32
    lost = 0
    for plan, rows in zip(plans, targets, strict=True):
        expected = image_set.targets(plan)
        count = len(expected)
        assert np.allclose(rows[:count], expected, rtol=0, atol=1e-3)
        assert not rows[count:].any()
        lost += sum(np.diff(image_set.offsets)[tile.index] for tile in plan.tiles) - count
    assert lost > 20  # outside, or slivers, between others that were kept


def test_rows_are_enough_and_repeat(image_sets):
    image_set = image_sets[96]
    for seed in range(20):
        plans = image_set.plans(2, seed)
        rows = most_objects(plans, image_set.offsets)
        counts = [
            sum(np.diff(image_set.offsets)[tile.index] for tile in plan.tiles) for plan in plans
        ]
        assert rows % 8 == 0
        assert max(1, max(counts)) <= rows < max(1, max(counts)) + 8


def test_a_sample_with_as_many_objects_as_rows(image_sets):
    image_set = image_sets[96]
    plans = image_set.plans(4, mosaic=False)  # the last one's image has 9 objects
    expected = image_set.targets(plans[3])
    assert len(expected) == 9
    assert np.array_equal(targets_of(image_set, plans, rows=9)[3], expected)


def test_targets_are_the_same_alone_as_in_a_batch(image_sets, device):
    image_set = image_sets[96]
    plans = image_set.plans(12)
    together = targets_of(image_set, plans, device, rows=40)
    for number in (0, 3, 11):
        alone = targets_of(image_set, plans[number : number + 1], device, rows=40)
        assert np.array_equal(alone[0], together[number])


def test_a_set_without_objects(image_sets, device):
    image_set = image_sets[96]
    plans = image_set.plans(3)
    offsets = np.zeros(len(image_set.sizes) + 1, dtype=np.int64)
    none = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.from_numpy(offsets))
    objects = DeviceObjects(*(tensor.to(device) for tensor in none))
    rows = most_objects(plans, offsets)
    targets = batch_targets(PlanBatch.pack(plans).to(device), objects, rows)
    assert targets.shape == (3, 8, 5)
    assert not targets.any()


def test_nothing_is_read_back_to_the_host(image_sets, shapes_alone):
    image_set = image_sets[64]
    with torch.utils._python_dispatch._disable_current_modes():
        plans, objects = PlanBatch.pack(image_set.plans(3)).to("meta"), image_set.objects("meta")
    assert batch_targets(plans, objects, 16).shape == (3, 16, 5)
    assert shapes_alone.operators > 20


def test_it_compiles_as_a_whole(image_sets):
    image_set = image_sets[64]
    objects = image_set.objects("cpu")
    compiled = torch.compile(batch_targets, fullgraph=True, backend="aot_eager")
    for seed in range(2):
        plans = PlanBatch.pack(image_set.plans(3, seed))
        assert torch.equal(compiled(plans, objects, 40), batch_targets(plans, objects, 40))
