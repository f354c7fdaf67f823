"""Data that change under a run: noticed before the first wrong step, and named."""

import os
import shutil
import signal

import numpy as np
import pytest
import torch
from loguru import logger
from PIL import Image
from shallow import shallow_yolox

from yolox_ela.augment.bank import open_images
from yolox_ela.augment.feed import HostFeed
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.images.read import read_image
from yolox_ela.images.values import ValueRange
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.predict import Detector
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

CLASSES = Experiment().classes


@pytest.fixture(scope="module")
def small_sample(tmp_path_factory):
    """Eight images to train on, two steps an epoch, and eight to evaluate on."""
    return generate_sample(tmp_path_factory.mktemp("small"), train_images=8, test_images=8)


@pytest.fixture
def data(small_sample, tmp_path):
    return shutil.copytree(small_sample, tmp_path / "data")


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return override(tiny_recipe, {"epochs": 3, "final_fraction": 0.0, "eval_interval": 1})


def load_splits(data):
    return [load_split(data, [f"2007/{name}"], CLASSES) for name in ("trainval", "test")]


def start(path, recipe, data, *, kind=Training, resume=False, build=shallow_yolox):
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    splits = load_splits(data)
    accelerator = build_accelerator("cpu", "fp32")
    images = open_images(splits[0], recipe.image_size, "off", path / "cache")
    feed = HostFeed(splits[0], recipe, accelerator.device, images)
    torch.manual_seed(0)
    task = Detection(recipe, *splits, accelerator, feed)
    training = kind(recipe, build(len(CLASSES)), task, folder, accelerator, trackers=())
    if resume:
        training.resume()
    return training


@pytest.fixture(scope="module")
def begun_once(tmp_path_factory, small_sample, recipe):
    """A run that ended after its first epoch."""

    class Stopped(Training):
        def _evaluate(self, network):
            raise KeyboardInterrupt

    path = tmp_path_factory.mktemp("begun") / "run"
    with pytest.raises(KeyboardInterrupt):
        start(path, recipe, small_sample, kind=Stopped).run()
    return path


@pytest.fixture
def begun(begun_once, tmp_path):
    return shutil.copytree(begun_once, tmp_path / "run")


def voc(data):
    return data / "VOCdevkit" / "VOC2007"


def ids(data, name):
    return (voc(data) / "ImageSets" / "Main" / f"{name}.txt").read_text().split()


def image_of(data, image_id):
    return voc(data) / "JPEGImages" / f"{image_id}.jpg"


def darken(path):
    """Other pixels; size of the picture and times of the file stay."""
    status = path.stat()
    Image.open(path).point(lambda value: value // 2).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def enlarge(path):
    picture = Image.open(path)
    picture.resize((2 * picture.width, picture.height)).save(path)


class StoppedInTheLastEpoch(Training):
    """Somebody changes data as step 2 ends; it gets SIGTERM during step 5."""

    def change(self):
        """Nothing."""

    def _train_step(self, batch):
        if self.progress.step == 4:
            signal.raise_signal(signal.SIGTERM)
        row = super()._train_step(batch)
        if self.progress.step == 2:
            self.change()
        return row


@pytest.mark.parametrize(
    ("change", "name"),
    [(darken, "trainval"), (darken, "test"), (enlarge, "test"), (os.remove, "trainval")],
)
def test_a_change_between_epochs_ends_the_run(begun, data, recipe, change, name):
    """Training images without a cache, and test images always: nothing learns from others."""
    path = image_of(data, ids(data, name)[3])
    if name == "trainval":
        recipe = override(recipe, {"eval_interval": 3})
    training = start(begun, recipe, data, resume=True)
    change(path)  # the run has ended its first epoch, and not yet evaluated it
    with pytest.raises(UserError, match=rf"{path.name} has .* since .*--resume"):
        training.run()
    state = torch.load(begun / "state.pth", weights_only=True)
    assert state["progress"]["step"] == 2
    assert len(state["progress"]["history"]) == (1 if name == "trainval" else 0)


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_kept_images_are_not_read_again(tmp_path, data, recipe, cache):
    """All that the loader gives is the same after a file has changed."""
    split = load_splits(data)[0]
    images = open_images(split, recipe.image_size, cache, tmp_path)
    feed = HostFeed(split, recipe, torch.device("cpu"), images)

    def samples():
        loader = feed.loader(start=0, rank=0, world=1)
        return [tensor for batch in loader for tensor in feed.samples(batch)]

    before = samples()
    assert len(before) == 2 * 2 * recipe.epochs
    darken(image_of(data, ids(data, "trainval")[3]))
    assert all(torch.equal(one, two) for one, two in zip(before, samples(), strict=True))


def test_the_same_content_written_anew_is_fine(tmp_path, data, recipe):
    class Touched(StoppedInTheLastEpoch):
        def change(self):
            for path in voc(data).glob("JPEGImages/*"):
                path.write_bytes(path.read_bytes())

    unevaluated = override(recipe, {"eval_interval": 3})
    whole = start(tmp_path / "whole", unevaluated, data, kind=StoppedInTheLastEpoch)
    evaluated = override(recipe, {"eval_interval": 2})
    touched = start(tmp_path / "run", evaluated, data, kind=Touched)
    assert whole.run() is touched.run() is None
    assert whole.progress.step == touched.progress.step == 5
    assert "ap50" in touched.progress.history[1], "evaluated after the change"
    for one, two in zip(whole.network.parameters(), touched.network.parameters(), strict=True):
        assert torch.equal(one, two)


# Resuming


def move_object(data, image_id):
    path = voc(data) / "Annotations" / f"{image_id}.xml"
    text = path.read_text()
    assert "<xmax>" in text
    start = text.index("<xmax>") + 6
    end = text.index("<", start)
    path.write_text(text[:start] + str(int(text[start:end]) - 1) + text[end:])


def remove(data, image_id):
    for name in ("trainval", "test"):
        path = voc(data) / "ImageSets" / "Main" / f"{name}.txt"
        lines = [line for line in path.read_text().split() if line != image_id]
        path.write_text("\n".join(lines))


def exchange(data, image_id):
    path = voc(data) / "ImageSets" / "Main"
    for name in ("trainval", "test"):
        lines = ids(data, name)
        (path / f"{name}.txt").write_text("\n".join(lines[::-1]))


CHANGES = {
    "other pixels": lambda data, image_id: darken(image_of(data, image_id)),
    "other boxes": move_object,
    "removed": remove,
    "in another order": exchange,
}


@pytest.mark.parametrize("name", ["trainval", "test"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_does_not_go_on_with_other_data(begun, data, recipe, name, change):
    image_id = ids(data, name)[1]
    CHANGES[change](data, image_id)
    before = (begun / "state.pth").read_bytes()
    use = "evaluate" if name == "test" and change != "in another order" else "train"
    named = "" if change == "in another order" else f": {image_id}"
    with pytest.raises(UserError, match=rf"images or boxes to {use} on \({change}{named}\)"):
        start(begun, recipe, data, resume=True)
    assert (begun / "state.pth").read_bytes() == before


def test_a_test_image_that_is_gone(begun, data, recipe):
    image_of(data, ids(data, "test")[2]).unlink()
    with pytest.raises(UserError, match=rf"missing image .*{ids(data, 'test')[2]}"):
        start(begun, recipe, data, resume=True)


def test_without_the_list_of_images(begun, data, recipe):
    (begun / "data.npz").write_bytes(b"damaged")
    darken(image_of(data, ids(data, "test")[2]))
    with pytest.raises(UserError, match=r"cannot be told: .*data\.npz is missing or damaged"):
        start(begun, recipe, data, resume=True)


def test_the_same_data_elsewhere(begun, data, recipe, tmp_path):
    """Copied without its times: it is the same data."""
    elsewhere = shutil.copytree(data, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    shutil.rmtree(data)
    recipe = override(recipe, {"eval_interval": 2})
    training = start(begun, recipe, elsewhere, kind=StoppedInTheLastEpoch, resume=True)
    training.run()
    assert training.progress.step == 5
    assert len(training.progress.history) == 2


class TestOlderRuns:
    @pytest.fixture
    def older(self, begun, data):
        """As versions wrote it that knew neither pixels nor test images."""
        state = torch.load(begun / "state.pth", weights_only=True)
        del state["test_data"], state["value_range"]
        state["train_data"] = load_split(data, ["2007/trainval"], CLASSES).labels_fingerprint()
        torch.save(state, begun / "state.pth")
        (begun / "data.npz").unlink()
        return begun

    def test_go_on_with_a_warning(self, older, data, recipe):
        said = []
        handler = logger.add(lambda message: said.append(message.record["message"]))
        quickly = override(recipe, {"eval_interval": 3})
        training = start(older, quickly, data, kind=StoppedInTheLastEpoch, resume=True)
        logger.remove(handler)
        assert any("recorded neither pixels nor test images" in line for line in said)
        training.run()
        assert training.progress.step == 5
        assert "test_data" in torch.load(older / "state.pth", weights_only=True)
        assert (older / "data.npz").is_file()

    def test_other_boxes_are_refused(self, older, data, recipe):
        move_object(data, ids(data, "trainval")[0])
        with pytest.raises(UserError, match="other images or boxes"):
            start(older, recipe, data, resume=True)


# The range of values


def test_weights_know_the_range_that_they_were_trained_with(tmp_path, data, recipe):
    """Pictures of 12 bits in 16: a lone dark picture is scaled like those of the training."""
    for path in voc(data).glob("JPEGImages/*"):
        deep = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16
        Image.fromarray(deep).save(path.with_suffix(".png"))
        path.unlink()
    recipe = override(recipe, {"epochs": 1})
    start(tmp_path / "run", recipe, data, build=build_yolox).run()
    content = torch.load(tmp_path / "run" / "last.pth", weights_only=True)
    assert content["value_range"] == [4095.0, 0.0]
    detector = Detector.from_checkpoint(tmp_path / "run" / "last.pth", recipe, device="cpu")
    dark = tmp_path / "dark.png"
    Image.fromarray(np.full((40, 60), 200, np.uint16)).save(dark)
    (found,) = detector.stream([dark])
    assert found.image.max() == round(200 / 4095 * 255)
    assert read_image(dark).max() == 200, "alone"
    assert detector.runner.values == ValueRange(4095, 0)
