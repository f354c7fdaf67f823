"""The same weights, however the samples come; and what --deterministic sets."""

import os
import signal

import pytest
import torch
from shallow import shallow_yolox

from yolox_ela.augment.bank import open_images
from yolox_ela.augment.feed import HostFeed
from yolox_ela.overrides import override
from yolox_ela.system.determinism import WORKSPACE, compute_deterministically, is_deterministic
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder


class StoppedInTheSecondEpoch(Training):
    """Gets SIGTERM during its third step."""

    def _train_step(self, batch):
        if self.progress.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return super()._train_step(batch)


def weights(folder, recipe, splits, cache):
    """What an epoch and a half make of the same start."""
    folder.mkdir()
    torch.manual_seed(0)
    accelerator = build_accelerator("cpu", "fp32")
    images = open_images(splits[0], recipe.image_size, cache, folder / "images")
    feed = HostFeed(splits[0], recipe, accelerator.device, images)
    path = RunFolder(folder)
    task = Detection(recipe, *splits, accelerator, feed)
    network = shallow_yolox(20)
    training = StoppedInTheSecondEpoch(recipe, network, task, path, accelerator, trackers=())
    training.run()
    assert training.progress.step == 3
    return training.network.state_dict()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="loader processes are forked")
def test_neither_workers_nor_caches_change_the_weights(tmp_path, tiny_recipe, few_splits):
    runs = []
    for workers, cache in ((0, "off"), (1, "ram"), (3, "disk")):
        recipe = override(tiny_recipe, {"workers": workers, "epochs": 2, "final_fraction": 0.5})
        runs.append(weights(tmp_path / str(workers), recipe, few_splits, cache))
    for other in runs[1:]:
        for name, tensor in runs[0].items():
            assert torch.equal(other[name], tensor), name


@pytest.fixture
def as_before(monkeypatch):
    """Puts back what the tested function sets for the whole process."""
    monkeypatch.delenv(WORKSPACE, raising=False)
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "benchmark", True)
    monkeypatch.setattr(cudnn, "deterministic", False)
    yield
    torch.use_deterministic_algorithms(False)


def test_what_is_set(as_before):
    """No GPU is needed to see it, but one to see what it does."""
    assert not is_deterministic()
    compute_deterministically()
    assert is_deterministic()
    assert os.environ[WORKSPACE] == ":4096:8"
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert torch.is_deterministic_algorithms_warn_only_enabled(), "an operation may have no form"
    os.environ[WORKSPACE] = ":16:8"
    compute_deterministically()
    assert os.environ[WORKSPACE] == ":16:8", "the user's own choice stays"
