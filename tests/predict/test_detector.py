"""The Detector takes pictures as they come."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolox_ela.attention import ela_s
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, detect_split
from yolox_ela.experiment import Experiment
from yolox_ela.images.read import read_image
from yolox_ela.network.class_rows import COCO_CLASSES
from yolox_ela.network.model import build_yolox
from yolox_ela.network.runner import torch_runner
from yolox_ela.predict import Detector

EXPERIMENTS = Path(__file__).resolve().parents[2] / "exps"


@pytest.fixture(scope="module")
def detector(zero_shot_weights):
    network = build_yolox(len(VOC_CLASSES))
    network.load_state_dict(zero_shot_weights)
    return Detector.from_model(network, VOC_CLASSES, image_size=320, device="cpu")


@pytest.fixture(scope="module")
def photographs(tiny_voc):
    """A horse (wide), a train with people (tall), a sofa among chairs (wide)."""
    folder = tiny_voc / "VOCdevkit" / "VOC2007" / "JPEGImages"
    return [folder / f"{name}.jpg" for name in ("001114", "002582", "002510")]


def assert_same(a, b):
    np.testing.assert_allclose(a.boxes, b.boxes, atol=0.05)
    np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
    assert a.labels.tolist() == b.labels.tolist()
    assert a.names == b.names


@pytest.fixture(scope="module")
def small_runner(detector):
    """Of the same network, with a small input."""
    return torch_runner(detector.model, VOC_CLASSES, image_size=96, device=torch.device("cpu"))


class TestDetector:
    def test_path_array_and_text(self, detector, photographs):
        for path in photographs:
            found = detector(path)
            assert len(found) > 0
            assert_same(detector(str(path)), found)
            assert_same(detector(read_image(path)), found)

    def test_rectangular_input(self, zero_shot, photographs, tiny_voc):
        """Boxes are in the pixels of wide and of tall photographs, as evaluation has them."""
        size = (320, 448)
        detector = Detector.from_model(zero_shot, VOC_CLASSES, image_size=size, device="cpu")
        split = load_split(tiny_voc, ["2007/test"], VOC_CLASSES)
        places = [split.ids.tolist().index(path.stem) for path in photographs]
        settings = EvalSettings(size, 0.3, 0.45)
        expected = detect_split(
            zero_shot, split.subset(places), settings, device=torch.device("cpu"), workers=0
        )
        for number, found in enumerate(detector(photographs)):
            mine = expected.images == number
            assert len(found) == mine.sum() > 0
            np.testing.assert_allclose(found.boxes, expected.boxes[mine], atol=0.05)
            np.testing.assert_allclose(found.scores, expected.scores[mine], atol=1e-4)

    def test_list(self, detector, photographs):
        """One by one or together, of any kind and shape, in the given order."""
        mixed = [photographs[0], read_image(photographs[1]), str(photographs[2])]
        together = detector(mixed)
        assert isinstance(together, list)
        for one, found in zip(photographs, together, strict=True):
            assert_same(detector(one), found)
        assert_same(detector([photographs[1]])[0], together[1])
        assert detector([]) == []

    def test_long_list(self, small_runner, photographs):
        """More than fit into one batch; small, to be quick."""
        detector = Detector(small_runner)
        found = detector(photographs[:2] * 9)
        assert len(found) == 18
        for i, one in enumerate(found):
            assert_same(one, found[i % 2])

    def test_stream(self, small_runner, photographs, tmp_path):
        """In order, without waiting for the last picture; what cannot be read is reported."""
        detector = Detector(small_runner)
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"not a picture")
        given = [photographs[0], broken, *photographs[1:3] * 30]
        taken, failed = [], []

        def endless():
            for image in given:
                taken.append(image)
                yield image

        stream = detector.stream(endless(), on_error=lambda image, error: failed.append(image))
        first = next(stream)
        assert first.source == photographs[0]
        assert np.array_equal(first.image, read_image(photographs[0]))
        assert_same(first, detector(photographs[0]))
        assert next(stream).source == photographs[1]
        assert failed == [broken]
        assert len(taken) < len(given)
        assert [found.source for found in stream] == given[3:]
        abandoned = detector.stream(photographs[:2] * 20)
        next(abandoned)
        abandoned.close()
        with pytest.raises(UserError, match=r"broken\.jpg"):
            list(detector.stream(given))

    def test_same_as_evaluation(self, zero_shot, tiny_voc, photographs):
        """Original pixels, for wide and tall photographs."""
        detector = Detector.from_model(
            zero_shot,
            VOC_CLASSES,
            image_size=416,
            score_threshold=0.05,
            nms_iou=0.6,
            device="cpu",
        )
        split = load_split(tiny_voc, ["2007/test"], VOC_CLASSES).subset_of_ids(
            [path.stem for path in photographs]
        )
        expected = detect_split(
            zero_shot, split, EvalSettings(416, 0.05, 0.6), device=torch.device("cpu"), workers=0
        )
        for image, path in enumerate(split.paths):
            mine, found = expected.images == image, detector(path)
            assert mine.any()
            np.testing.assert_allclose(found.boxes, expected.boxes[mine], atol=0.05)
            np.testing.assert_allclose(found.scores, expected.scores[mine], atol=1e-4)
            assert found.labels.tolist() == expected.labels[mine].tolist()

    def test_result(self, detector, photographs):
        found = detector(photographs[1])
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert found.labels.dtype == np.int64
        assert found.boxes.shape == (len(found), 4)
        assert found.names == tuple(VOC_CLASSES[label] for label in found.labels)
        assert "train" in found.names
        assert found.scores.min() >= 0.3
        assert (np.diff(found.scores) <= 0).all()
        height, width = read_image(photographs[1]).shape[:2]
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [width, height, width, height]).all()

    def test_as_dicts(self, detector, photographs):
        found = detector(photographs[0])
        (horse,) = found.to_dicts()
        assert horse["class"] == "horse"
        assert horse["score"] == pytest.approx(float(found.scores[0]), abs=1e-5)
        assert horse["box"] == pytest.approx(found.boxes[0].tolist(), abs=0.01)

    def test_nothing_found(self, detector):
        found = detector(np.zeros((50, 70, 3), np.uint8))
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)
        assert found.names == ()
        assert found.to_dicts() == []

    @pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (1, 1), (30, 1000)])
    def test_extreme_shapes(self, small_runner, shape):
        detector = Detector(small_runner, score_threshold=0.0)
        found = detector(np.full((*shape, 3), 200, np.uint8))
        assert len(found) > 0
        assert found.boxes[:, [0, 2]].max() <= shape[1]
        assert found.boxes[:, [1, 3]].max() <= shape[0]

    def test_array_in_any_memory_order(self, detector, photographs):
        """As numpy gives it after a flip or a crop."""
        image = read_image(photographs[0])
        view = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
        assert not view.flags["C_CONTIGUOUS"]
        assert_same(detector(view), detector(photographs[0]))

    def test_training_goes_on_unharmed(self, detector, photographs):
        """Predictions leave no trace in the weights."""
        before = {name: t.clone() for name, t in detector.model.state_dict().items()}
        detector(photographs[0])
        after = detector.model.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)

    def test_only_some_classes_and_the_best(self, small_runner, photographs):
        everything = Detector(small_runner, score_threshold=0.0)(photographs[1])
        some = Detector(small_runner, score_threshold=0.0, only=["train", "person"])
        found = some(photographs[1])
        wanted = np.isin(everything.names, ["train", "person"])
        assert 0 < wanted.sum() < len(everything)
        np.testing.assert_array_equal(found.boxes, everything.boxes[wanted])
        few = Detector(some.runner, score_threshold=0.0, max_detections=7)(photographs[1])
        np.testing.assert_array_equal(few.scores, everything.scores[:7])
        with pytest.raises(UserError, match="no class 'trian'; did you mean train"):
            Detector(some.runner, only=["trian"])
        with pytest.raises(UserError, match="max_detections 0"):
            Detector(some.runner, max_detections=0)

    def test_several_at_the_same_time(self, small_runner, photographs):
        """As many networks as threads of torch: the same results, and the threads as before."""
        runner = replace(small_runner, parallel=3)
        before = torch.get_num_threads()
        detector = Detector(runner, score_threshold=0.05)
        given = [*photographs, *photographs[::-1]] * 3
        for path, found in zip(given, detector.stream(given), strict=True):
            assert_same(found, detector(path))
        assert torch.get_num_threads() == before


class TestFiles:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif(self, detector, photographs, tmp_path, orientation):
        """A camera held sideways: detection and boxes are those of the upright picture."""
        upright = np.asarray(Image.open(photographs[0]).convert("RGB"))
        stored = {  # how the sensor saw it; each viewer undoes this
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright, 1),
            7: upright[::-1, ::-1].transpose(1, 0, 2),
            8: np.rot90(upright, -1),
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "photo.png"  # lossless, so that the answer must be the same
        Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
        found = detector(path)
        assert found.names == ("horse",)
        assert_same(found, detector(photographs[0]))

    def test_exif_jpeg(self, detector, photographs, tmp_path):
        upright = Image.open(photographs[0]).convert("RGB")
        exif = Image.Exif()
        exif[0x0112] = 6
        upright.rotate(90, expand=True).save(tmp_path / "photo.jpg", quality=95, exif=exif)
        found, expected = detector(tmp_path / "photo.jpg"), detector(photographs[0])
        assert found.names == expected.names == ("horse",)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=5)

    def test_grayscale(self, detector, photographs, tmp_path):
        gray = Image.open(photographs[0]).convert("L")
        gray.save(tmp_path / "gray.png")
        gray.save(tmp_path / "gray.jpg", quality=95)
        found = detector(tmp_path / "gray.png")
        assert_same(found, detector(np.stack([np.asarray(gray)] * 3, axis=-1)))
        assert found.names[0] == "horse"
        assert detector(tmp_path / "gray.jpg").names == found.names

    def test_transparency(self, detector, photographs, tmp_path):
        """The colours count, alpha is dropped."""
        picture = Image.open(photographs[0]).convert("RGB")
        picture.putalpha(200)
        picture.save(tmp_path / "alpha.png")
        assert_same(detector(tmp_path / "alpha.png"), detector(photographs[0]))

    def test_palette(self, detector, photographs, tmp_path):
        palette = Image.open(photographs[0]).convert("RGB").quantize(64)
        palette.save(tmp_path / "palette.png")
        colors = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)
        bgr = colors[np.asarray(palette)][:, :, ::-1]
        assert_same(detector(tmp_path / "palette.png"), detector(bgr))

    def test_name_with_other_letters(self, detector, photographs, tmp_path):
        path = tmp_path / "Größe 写真.jpg"
        path.write_bytes(photographs[0].read_bytes())
        assert_same(detector(path), detector(photographs[0]))

    def test_unreadable(self, detector, photographs, tmp_path):
        with pytest.raises(UserError, match=r"absent\.jpg"):
            detector(tmp_path / "absent.jpg")
        whole = photographs[0].read_bytes()
        for content in (b"", b"no picture", whole[: len(whole) // 2]):
            (tmp_path / "bad.jpg").write_bytes(content)
            with pytest.raises(UserError, match=r"bad\.jpg"):
                detector([photographs[0], tmp_path / "bad.jpg"])
        with pytest.raises(UserError, match=tmp_path.name):
            detector(tmp_path)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((20, 30), np.uint8),
            np.zeros((20, 30, 4), np.uint8),
            np.zeros((20, 30, 1), np.uint8),
            np.zeros((3, 20, 30), np.uint8),
            np.zeros((1, 20, 30, 3), np.uint8),
            np.zeros((20, 30, 3), np.float32),
            np.zeros((20, 30, 3), np.int64),
            np.zeros((0, 30, 3), np.uint8),
        ],
        ids=lambda array: f"{array.shape} {array.dtype}",
    )
    def test_arrays_that_are_no_pictures(self, detector, array):
        for images in (array, [array]):
            with pytest.raises(UserError) as raised:
                detector(images)
            assert str(array.shape) in str(raised.value)
            assert str(array.dtype) in str(raised.value)


class TestFromCheckpoint:
    CLASSES = ("fish", "chips", "peas")

    @pytest.fixture(scope="class")
    def checkpoint(self, tmp_path_factory):
        """A run's file: three classes of its own, trained at 96 pixels."""
        torch.manual_seed(3)
        model = build_yolox(3, ela_s)
        path = tmp_path_factory.mktemp("run") / "best.pth"
        recipe = {**Experiment(classes=self.CLASSES, image_size=96).to_dict(), "name": "nano_ela_s"}
        torch.save(
            {"model": model.state_dict(), "classes": list(self.CLASSES), "recipe": recipe}, path
        )
        return path

    def detect(self, checkpoint, experiment=EXPERIMENTS / "nano_ela_s.py", **options):
        return Detector.from_checkpoint(checkpoint, experiment, device="cpu", **options)

    def test_takes_weights_classes_and_size_of_the_run(self, checkpoint):
        detector = self.detect(checkpoint, score_threshold=0.0)
        assert detector.classes == self.CLASSES
        found = detector(np.full((40, 60, 3), 90, np.uint8))
        assert set(found.names) <= set(self.CLASSES)
        assert detector.settings.image_size == 96
        state = torch.load(checkpoint, weights_only=True)["model"]
        loaded = detector.model.state_dict()
        assert all(torch.equal(loaded[name], state[name]) for name in state)

    def test_options(self, checkpoint):
        detector = self.detect(str(checkpoint), image_size=64, score_threshold=0.125, nms_iou=0.75)
        assert detector.settings == EvalSettings(64, 0.125, 0.75)

    def test_experiment_object(self, checkpoint):
        class Mine(Experiment):
            def attention(self, channels):
                return ela_s(channels)

        mine = Mine()
        assert self.detect(checkpoint, mine).classes == self.CLASSES
        assert mine.classes == VOC_CLASSES, "the argument is not changed"

    def test_plain_state_dict(self, shared, tmp_path):
        """No classes recorded: those of the experiment."""
        path = tmp_path / "plain.pth"
        torch.save(build_yolox(20).state_dict(), path)
        detector = self.detect(path, EXPERIMENTS / "nano.py")
        assert detector.classes == VOC_CLASSES
        assert detector.settings.image_size == 640

    def test_wrong_experiment(self, checkpoint):
        with pytest.raises(UserError, match=r"best\.pth.*-f"):
            self.detect(checkpoint, EXPERIMENTS / "nano_ela_l.py")

    def test_names_of_weights_that_have_none(self, shared, tmp_path):
        """COCO's or VOC's by their number; else the experiment's, if it has as many."""
        coco = shared / "weights" / "yolox_nano_coco.pth"
        detector = self.detect(coco, EXPERIMENTS / "nano.py", image_size=320)
        assert detector.classes == COCO_CLASSES
        path = tmp_path / "plain.pth"
        torch.save(build_yolox(3).state_dict(), path)
        assert self.detect(path, Experiment(classes=self.CLASSES)).classes == self.CLASSES
        with pytest.raises(UserError, match=r"plain\.pth has predictors for 3 .*experiment has 20"):
            self.detect(path, EXPERIMENTS / "nano.py")

    def test_names_in_the_order_of_the_rows(self, checkpoint):
        """Whatever the experiment's."""

        class Mine(Experiment):
            def attention(self, channels):
                return ela_s(channels)

        other = Mine(classes=("peas", "fish", "chips"))
        assert self.detect(checkpoint, other).classes == self.CLASSES

    def test_missing(self, checkpoint):
        with pytest.raises(UserError, match=r"last\.pth"):
            self.detect(checkpoint.with_name("last.pth"))
        with pytest.raises(UserError, match=r"nano_ela_x\.py"):
            self.detect(checkpoint, EXPERIMENTS / "nano_ela_x.py")


def test_detections_can_be_drawn(detector, photographs):
    for path in photographs:
        picture = read_image(path)
        drawn = detector(path).plot()
        assert drawn.shape == picture.shape
        assert (drawn != picture).any()


def test_detector_image_size():
    with pytest.raises(UserError, match="100"):
        Detector.from_model(build_yolox(20), VOC_CLASSES, image_size=100, device="cpu")


def test_detector_classes():
    with pytest.raises(UserError, match="20"):
        Detector.from_model(build_yolox(20), ("cat", "dog"), image_size=64, device="cpu")


@pytest.mark.parametrize("options", [{"score_threshold": 30}, {"nms_iou": 65}])
def test_detector_percent(options):
    with pytest.raises(UserError):
        Detector.from_model(build_yolox(20), VOC_CLASSES, image_size=64, device="cpu", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"score_threshold": "0.5"},
        {"nms_iou": [0.5]},
        {"max_detections": 2.5},
        {"max_detections": "3"},
        {"only": "cat"},
        {"only": 5},
        {"only": [None]},
    ],
)
def test_options_of_another_type(small_runner, options):
    with pytest.raises(UserError, match=f"{next(iter(options))} .* must be"):
        Detector(small_runner, **options)


@pytest.mark.parametrize("image", [5, None, [5], [None]])
def test_detector_no_picture(detector, image):
    with pytest.raises(UserError):
        detector(image)
