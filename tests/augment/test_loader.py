"""Batches: the same for any number of workers, processes and restarts; nothing left out."""

from collections import Counter

import numpy as np
import pytest
import torch

from yolox_ela.augment.loader import StepSampler, steps_per_epoch, to_targets, train_loader
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.evaluate.loader import eval_loader
from yolox_ela.images.letterbox import letterbox
from yolox_ela.images.read import read_image
from yolox_ela.recipe import Recipe

SIDE = 64
CLASSES = ("car", "dog", "person")
TRAINVAL = ["2007/trainval"]
IMAGES = 7


def recipe_with(**fields):
    settings = {"workers": 0, "epochs": 3, "batch_size": 4, "final_fraction": 1 / 3, **fields}
    recipe = Recipe(image_size=SIDE, multiscale=0, **settings)
    recipe.validate()
    return recipe


def fill(voc, count=IMAGES):
    for number in range(count):
        size = (60 + number, 40) if number % 2 else (40, 60 + number)
        objects = [(CLASSES[k], 2 + k, 3, 25 + k, 30) for k in range(number % 4)]
        voc.add(f"{number:02}", objects, size=size)


@pytest.fixture(scope="module")
def split(voc_writer, tmp_path_factory):
    """Seven images with 0, 1, 2, 3, 0, 1, 2 objects."""
    voc = voc_writer(tmp_path_factory.mktemp("loader"))
    fill(voc)
    return load_split(voc.root, TRAINVAL, CLASSES)


def keys(num_images, recipe, **options):
    return list(StepSampler(num_images, recipe, **options))


def assert_same(one, other):
    assert one.keys == other.keys
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.targets, other.targets)


# Which samples


@pytest.mark.parametrize(("images", "batch"), [(7, 4), (8, 4), (1, 4), (3, 8), (5, 1), (9, 20)])
def test_every_epoch_shows_every_image_and_none_much_more_often(images, batch):
    recipe = recipe_with(batch_size=batch)
    steps = steps_per_epoch(images, recipe)
    steps_of_keys = keys(images, recipe)
    assert len(steps_of_keys) == len(StepSampler(images, recipe)) == recipe.epochs * steps
    assert all(len(step) == batch for step in steps_of_keys)
    for epoch in range(recipe.epochs):
        shown = [key for step in steps_of_keys[epoch * steps : (epoch + 1) * steps] for key in step]
        assert {key.epoch for key in shown} == {epoch}
        counts = Counter(key.image for key in shown)
        assert set(counts) == set(range(images))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_epochs_and_seeds_differ_and_a_seed_repeats():
    def order(seed, epoch):
        shown = [key for step in keys(50, recipe_with(seed=seed)) for key in step]
        return [key.image for key in shown if key.epoch == epoch]

    assert order(0, 0) == order(0, 0)
    orders = [order(0, 0), order(0, 1), order(0, 2), order(1, 0)]
    assert all(orders.count(one) == 1 for one in orders)
    assert sorted(order(0, 0)[:50]) == list(range(50))
    assert order(0, 0)[:50] != list(range(50))


@pytest.mark.parametrize(
    ("epochs", "fraction", "final"), [(3, 1 / 3, 1), (20, 0.15, 3), (4, 0.0, 0), (4, 0.75, 3)]
)
def test_mosaic_closes_exactly_with_the_final_epochs(epochs, fraction, final):
    recipe = recipe_with(epochs=epochs, final_fraction=fraction, warmup_fraction=0.0)
    assert recipe.final_epochs == final
    mosaic = {}
    for step in keys(IMAGES, recipe):
        for key in step:
            mosaic.setdefault(key.epoch, set()).add(key.mosaic)
    assert mosaic == {epoch: {epoch < epochs - final} for epoch in range(epochs)}


@pytest.mark.parametrize("world", [2, 4])
def test_the_shares_of_processes_interleave_to_the_whole_batch(world):
    recipe = recipe_with()
    whole = keys(IMAGES, recipe)
    shares = [keys(IMAGES, recipe, rank=rank, world=world) for rank in range(world)]
    for number, batch in enumerate(whole):
        parts = [share[number] for share in shares]
        assert {len(part) for part in parts} == {recipe.batch_size // world}
        assert [key for turn in zip(*parts, strict=True) for key in turn] == batch
    assert {len(share) for share in shares} == {len(whole)}


def test_a_later_start_gives_the_rest():
    recipe = recipe_with()
    whole = keys(IMAGES, recipe)
    share = keys(IMAGES, recipe, rank=1, world=2)
    for start in range(len(whole) + 1):
        assert keys(IMAGES, recipe, start=start) == whole[start:]
        assert keys(IMAGES, recipe, start=start, rank=1, world=2) == share[start:]
        assert len(StepSampler(IMAGES, recipe, start=start)) == len(whole) - start


# Batches


def test_workers_change_nothing(split):
    alone = list(train_loader(split, recipe_with()))
    helped = list(train_loader(split, recipe_with(workers=2)))
    assert len(alone) == len(helped) == 6
    for one, other in zip(alone, helped, strict=True):
        assert_same(one, other)


def test_a_restart_continues_with_the_very_same_batches(split):
    recipe = recipe_with(workers=1)
    whole = list(train_loader(split, recipe_with()))
    for start in (1, 2, 5, 6):  # in the first epoch, between epochs, in the last, after the end
        loader = train_loader(split, recipe, start=start)
        assert len(loader) == len(whole) - start
        for one, other in zip(loader, whole[start:], strict=True):
            assert_same(one, other)


def test_batches_of_processes_interleave_to_the_whole_batch(split):
    recipe = recipe_with()
    shares = [list(train_loader(split, recipe, rank=rank, world=2)) for rank in range(2)]
    for number, whole in enumerate(train_loader(split, recipe)):
        for rank in range(2):
            part = shares[rank][number]
            assert part.keys == whole.keys[rank::2]
            assert torch.equal(part.images, whole.images[rank::2])
            # Only the padding may differ: it fits the part's own number of objects.
            width = part.targets.shape[1]
            assert torch.equal(part.targets, whole.targets[rank::2, :width])
            assert not whole.targets[rank::2, width:].any()


def test_batches_hold_pixels_and_padded_targets(split):
    recipe = recipe_with(
        epochs=1, batch_size=IMAGES, final_fraction=0.0, mosaic_prob=0.0, hsv_prob=0, flip_prob=0
    )
    (batch,) = train_loader(split, recipe)
    assert (batch.images.dtype, batch.targets.dtype) == (torch.uint8, torch.float32)
    assert batch.images.shape == (IMAGES, 3, SIDE, SIDE)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.targets.shape == (IMAGES, 3, 5)
    for key, image, targets in zip(batch.keys, batch.images, batch.targets, strict=True):
        expected, scale = letterbox(read_image(split.paths[key.image]), SIDE)
        assert np.array_equal(image.permute(1, 2, 0), expected)
        rows = split.objects(key.image)
        count = rows.stop - rows.start
        assert count == key.image % 4
        assert targets[:count, 0].tolist() == split.labels[rows].tolist()
        corners = torch.cat(
            [targets[:, 1:3] - targets[:, 3:] / 2, targets[:, 1:3] + targets[:, 3:] / 2], dim=1
        )
        assert np.allclose(corners[:count] / scale, split.boxes[rows], atol=1e-4)
        assert not targets[count:].any()


def test_targets_are_class_centre_and_size():
    boxes = np.array([[1, 2, 5, 10], [0, 0, 3, 1]], np.float32)
    targets = to_targets(boxes, np.array([7, 0]))
    assert targets.dtype == np.float32
    assert targets.tolist() == [[7, 3, 6, 4, 8], [0, 1.5, 0.5, 3, 1]]
    assert to_targets(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).shape == (0, 5)


def test_images_without_objects_give_rows_of_zeros(split):
    negatives = split.subset([0, 4])
    for batch in train_loader(negatives, recipe_with(workers=1)):
        assert batch.targets.shape[0] == 4
        assert batch.targets.shape[1] >= 1
        assert not batch.targets.any()


def test_fewer_images_than_a_batch_still_fill_it(split):
    for images in (1, 3):
        few = split.subset(range(images))
        batches = list(train_loader(few, recipe_with()))
        assert len(batches) == 3
        assert all(len(batch.images) == 4 for batch in batches)
        assert all({key.image for key in batch.keys} == set(range(images)) for batch in batches)


def test_pixels_close_with_the_mosaic_though_workers_prepare_ahead(split):
    recipe = recipe_with(workers=2, mosaic_prob=1.0, hsv_prob=0.0, flip_prob=0.0)
    for batch in train_loader(split, recipe):
        for key, image in zip(batch.keys, batch.images, strict=True):
            plain, _ = letterbox(read_image(split.paths[key.image]), SIDE)
            is_plain = np.array_equal(image.permute(1, 2, 0), plain)
            assert is_plain == (key.epoch == 2)


def test_an_image_looks_different_in_every_epoch(split):
    recipe = recipe_with(epochs=4, final_fraction=0.0, mosaic_prob=1.0)
    looks = {}
    for batch in train_loader(split, recipe):
        for key, image in zip(batch.keys, batch.images, strict=True):
            looks.setdefault(key.image, {})[key.epoch] = image.numpy().tobytes()
    assert len(looks) == IMAGES
    assert all(len(set(epochs.values())) == 4 for epochs in looks.values())


# Evaluation


@pytest.mark.parametrize(("workers", "world"), [(0, 1), (2, 1), (0, 2), (1, 3), (0, 9)])
def test_evaluation_sees_each_image_once_over_all_processes(split, workers, world):
    seen = []
    for rank in range(world):
        loader = eval_loader(split, SIDE, 2, workers, rank=rank, world=world)
        batches = list(loader)
        assert len(loader) == len(batches)
        for batch in batches:
            assert len(batch.indices) == len(batch.images) == len(batch.scales) <= 2
            assert batch.images.dtype == torch.uint8
            for index, image, scale in zip(
                batch.indices, batch.images, batch.scales.tolist(), strict=True
            ):
                seen.append(index)
                expected, expected_scale = letterbox(read_image(split.paths[index]), SIDE)
                assert np.array_equal(image.permute(1, 2, 0), expected)
                assert scale == pytest.approx(expected_scale)
    assert sorted(seen) == list(range(IMAGES))
    if world == 1:
        assert seen == sorted(seen)


# Trouble


def error_of(loader):
    """The message of the UserError that loading ends with."""
    try:
        list(loader)
    except UserError as error:
        error.with_traceback(None)  # torch's is a cycle, which would keep the workers waiting
        return str(error)
    pytest.fail("nothing was wrong with the data")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_an_image_that_breaks_during_training_is_named_in_one_line(voc, workers, damage):
    fill(voc)
    split = load_split(voc.root, TRAINVAL, CLASSES)
    path = voc.image("05")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"garbage")
    recipe = recipe_with(workers=workers)
    for loader in (train_loader(split, recipe), eval_loader(split, SIDE, 4, workers)):
        message = error_of(loader)
        assert str(path) in message
        assert len(message.splitlines()) == 1
        assert "Traceback" not in message
        assert "UserError" not in message


def test_a_data_set_is_never_written_into(voc):
    fill(voc)
    everything = [voc.root, *voc.root.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = voc.files()
    try:
        split = load_split(voc.root, TRAINVAL, CLASSES)
        assert check_dataset(voc.root, TRAINVAL, CLASSES).errors == 0
        assert len(list(train_loader(split, recipe_with(workers=1)))) == 6
        assert len(list(eval_loader(split, SIDE, 4, 1))) == 2
        assert voc.files() == before
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)
