"""The benchmarks of data, step, training and inference do what they say, upstream included."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from studies.speed.dispatch import count_dispatches
from studies.speed.upstream_training import (
    UpstreamStep,
    upstream_batch,
    upstream_config,
    upstream_dataset,
)
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.recipe import Recipe

pytestmark = pytest.mark.slow

RECIPE = Recipe(image_size=64, multiscale=0.0, train_sets=("2007/trainval",))
SMALL = ["--image-size", "64", "--rounds", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def project():
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return generate_sample(tmp_path_factory.mktemp("sample"), train_images=12, test_images=8)


@pytest.mark.parametrize(
    ("name", "options", "keys"),
    [
        ("data", ["--batch", "2", "--batches", "1"], ["one thread", "loader"]),
        ("step", ["--batch", "2", *SMALL[4:]], ["step", "operators", "parts"]),
        ("train", ["--batch", "2", "--steps", "2", "--workers", "1", *SMALL[4:]], ["training"]),
        ("infer", ["--images", "3", "--no-compile", *SMALL[4:]], ["network", "pictures"]),
    ],
)
def test_benchmark(call, sample, tmp_path, name, options, keys):
    path = tmp_path / "figures.json"
    done = call(
        "studies/speed/__main__.py", name, "--data", sample, *SMALL[:4], *options, "--json", path
    )
    assert "times yolox" in done.stdout
    figures = json.loads(path.read_text())
    assert set(figures) == {"environment", *keys}
    for key in keys:
        for entry in figures[key].values():
            seconds = entry["seconds"] if isinstance(entry, dict) and "seconds" in entry else [1]
            assert min(seconds) > 0


def test_upstream_gets_the_recipe():
    config = upstream_config(Recipe(degrees=3.0, mosaic_scale=(0.7, 1.1), lr=0.32))
    assert config.input_size == (640, 640)
    assert config.num_classes == 20
    assert (config.degrees, config.mosaic_scale) == (3.0, (0.7, 1.1))
    assert config.basic_lr_per_img * 16 == pytest.approx(0.32)


@pytest.mark.parametrize("cache", [False, True])
def test_upstream_sees_the_same_images(sample, cache):
    """Without augmentation its batch is ours."""
    recipe = Recipe(image_size=64, mosaic_prob=0.0, hsv_prob=0.0, flip_prob=0.0)
    dataset = upstream_dataset(sample / "VOCdevkit", recipe, cache=cache)
    split = load_split(sample, ["2007/trainval"], recipe.classes)
    assert len(dataset) == len(split)
    images, targets, *_ = upstream_batch(dataset, range(4))
    assert images.dtype == torch.float32
    for index in range(4):
        rows = targets[index][targets[index, :, 3] > 0]
        assert sorted(rows[:, 0].tolist()) == sorted(split.labels[split.objects(index)].tolist())


def test_upstream_trains(sample):
    step = UpstreamStep(RECIPE, 2, torch.device("cpu"), steps=5)
    model = step.trainer.model
    before = [p.detach().clone() for p in model.parameters()]
    images = torch.rand(2, 3, 64, 64) * 255
    targets = torch.tensor([[[1.0, 20, 20, 10, 10]], [[2.0, 30, 30, 20, 20]]])
    step.feed(iter([(images, targets, 0, 0)] * 3))
    for _ in range(3):
        step()
    moved = [not torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True)]
    assert np.mean(moved) > 0.9
    assert step.trainer.ema_model.updates == 3


def test_waits_are_found():
    x = torch.arange(6.0)

    def waits(call):
        return count_dispatches(call).waits.total()

    assert waits(lambda: x.sum().item()) == 1
    assert waits(lambda: x[x > 2]) >= 1
    assert waits(lambda: torch.nonzero(x)) == 1
    assert waits(lambda: x[torch.tensor([0, 2])] + x.view(2, 3)[:, :1].sum()) == 0
    assert count_dispatches(lambda: (x + 1).view(2, 3)).operators.total() == 1
