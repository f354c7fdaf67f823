"""Exported files are opened by their suffix wherever weights are, with the same results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.commands import evaluate, evaluate_options, export, export_options
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.errors import UserError
from yolox_ela.export.check import check_images
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.runtimes import open_exported
from yolox_ela.predict import Detector

OPEN = ("--dynamic-batch", "--dynamic-size")
FIELDS = ("workers", "0", "test_sets", "2007/test")
PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def command(module, options, folder, *words):
    """Run a command in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["yolox-ela", *map(str, words)])
        return module.main(options.parse(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The package's own detector as ONNX (decoded; nms, open), OpenVINO and TorchScript."""
    folder = tmp_path_factory.mktemp("exported")
    for name, *words in (
        ("decoded.onnx", "--size", "192"),
        ("nms.onnx", "--size", "192", "--outputs", "nms", "--conf", "0.1", *OPEN),
        ("decoded.xml", "--size", "192", "--outputs", "raw", "--dynamic-batch"),
        ("decoded.torchscript", "--size", "192", "-b", "3"),
    ):
        assert command(export, export_options, folder, "-o", folder / name, *words) == 0
    return folder


@pytest.fixture(scope="module")
def wanted():
    detector = Detector.from_pretrained(image_size=192, score_threshold=0.1, device="cpu")
    return detector(check_images())


@pytest.mark.parametrize("name", ["decoded.onnx", "nms.onnx", "decoded.xml", "decoded.torchscript"])
def test_a_detector_finds_the_same(folder, wanted, name):
    detector = Detector.from_checkpoint(folder / name, score_threshold=0.1)
    assert "aeroplane" in detector.classes
    found = detector(check_images())
    assert sum(map(len, wanted)) > 5
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.names == theirs.names
        np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.05)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)


def test_what_a_file_says_of_itself(folder):
    meta = open_exported(folder / "nms.onnx").metadata
    assert meta.outputs == "nms"
    assert meta.batch == 0
    assert meta.any_size
    assert meta.score_threshold == 0.1
    assert meta.experiment == "nano_ela_s"
    assert meta.weights == "nano_ela_s.pth"
    for name in ("decoded.xml", "decoded.torchscript"):
        other = open_exported(folder / name).metadata
        assert other.names == meta.names
        assert other.image_size == (192, 192)


def test_what_a_file_cannot_do_is_refused(folder):
    with pytest.raises(UserError, match=r"threshold 0\.1 and NMS IoU 0\.45 itself"):
        Detector.from_checkpoint(folder / "nms.onnx", score_threshold=0.01)
    with pytest.raises(UserError, match="takes images of 192 x 192"):
        Detector.from_checkpoint(folder / "decoded.onnx", image_size=416)
    with pytest.raises(UserError, match="needs no experiment"):
        Detector.from_checkpoint(folder / "decoded.onnx", "nano_ela_s")
    broken = folder / "broken.onnx"
    broken.write_bytes((folder / "decoded.onnx").read_bytes()[:1000])
    with pytest.raises(UserError, match="is damaged"):
        open_exported(broken)


@pytest.mark.parametrize("suffix", [".onnx", ".torchscript", ".pt2"])
def test_files_that_are_none(suffix, tmp_path):
    path = tmp_path / f"network{suffix}"
    for content in (b"", b"none"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"network\{suffix} is no .* file, or is damaged"):
            open_exported(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="is a pipe, not a file"):
        open_exported(path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("names", "5", "'names' must be a list of class names"),
        ("names", '["a", "a"]', "'names' has a twice"),
        ("names", "[" * 50_000, "its names cannot be read"),
        ("image_size", "640", "'image_size' must be height and width"),
        ("image_size", "[33, 64]", "'image_size' must be height and width"),
        ("outputs", '"boxes"', "'outputs' must be one of raw, decoded, nms"),
        ("batch", "-1", "'batch' must be a whole number"),
        ("score_threshold", "NaN", "'score_threshold' must be a number from 0 to 1"),
        ("white", "[1]", "'white' must be a list of 2"),
    ],
)
def test_metadata_that_cannot_be(name, value, said):
    texts = Metadata(("cat", "dog"), (64, 64)).texts()
    assert Metadata.of_texts(texts, "a.onnx") == Metadata(("cat", "dog"), (64, 64))
    with pytest.raises(UserError, match=rf"a\.onnx.*{said}"):
        Metadata.of_texts(texts | {name: value}, "a.onnx")


def test_outputs_that_do_not_fit_the_metadata(tmp_path):
    """Names beyond the outputs would be given to no object, or to the wrong ones."""
    path = tmp_path / "other.torchscript"
    texts = Metadata(("cat", "dog"), (64, 64)).texts()
    network = torch.jit.script(torch.nn.Flatten(2))
    torch.jit.save(network, path, _extra_files={"yolox_ela.json": json.dumps(texts)})
    with pytest.raises(UserError, match=r"the shapes \(1, 3, 4096\) for 1 images and 2 cl"):
        Detector.from_checkpoint(path, device="cpu")(np.zeros((64, 64, 3), np.uint8))
    network = torch.jit.script(torch.nn.Linear(5, 5))
    torch.jit.save(network, path, _extra_files={"yolox_ela.json": json.dumps(texts)})
    with pytest.raises(UserError, match=r"other\.torchscript cannot be run"):
        Detector.from_checkpoint(path, device="cpu")(np.zeros((64, 64, 3), np.uint8))


def test_eval_scores_a_file_like_its_weights(folder, tmp_path):
    data = generate_sample(tmp_path, train_images=8, test_images=8)
    scores = []
    for words in (("-c", "nano_ela_s", "--size", "192"), ("-c", folder / "decoded.onnx")):
        file = tmp_path / "scores.json"
        words = [*words, "--data", data, "--json", file, "--device", "cpu", *FIELDS]
        assert command(evaluate, evaluate_options, tmp_path, *words) == 0
        scores.append(json.loads(file.read_text()))
    assert scores[0]["ap50"] > 0
    assert scores[1]["ap50"] == pytest.approx(scores[0]["ap50"], abs=1e-3)
    assert scores[1]["settings"]["image_size"] == 192
    with pytest.raises(UserError, match="--compile applies to weights"):
        command(evaluate, evaluate_options, tmp_path, "-c", folder / "decoded.onnx", "--compile")


def test_the_example_needs_onnxruntime_alone(folder, wanted, tmp_path):
    """The docs' program, run where neither torch nor this package can be imported."""
    code = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    cv2.imwrite(str(tmp_path / "photo.png"), check_images()[0])
    code = code.replace("photo.jpg", "photo.png").replace("model.onnx", str(folder / "nms.onnx"))
    absent = "import sys\nsys.modules['torch'] = sys.modules['yolox_ela'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", absent + code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    detector = Detector.from_checkpoint(folder / "nms.onnx")
    theirs = detector(check_images()[0])
    assert len(lines) == len(theirs)
    assert sorted(line.split()[0] for line in lines) == sorted(theirs.names)


REFUSED = [
    ("-o model.pth", "ends in none of .onnx, .xml, .torchscript, .pt2"),
    ("--format onnx -o model.xml", "a file of ONNX must end in .onnx"),
    ("--format torchscript --outputs nms", "have --outputs raw or decoded only"),
    ("--int8", "--int8 needs --data"),
    ("--format torchscript --int8 --data .", "possible for ONNX and OpenVINO, not for TorchScript"),
    ("--dynamic-batch -b 4", "give one of them"),
    ("--format torchscript --opset 18", "which TorchScript has not"),
    ("--size 300", "'300' is not a multiple of 32"),
    ("--size 320,320,320", "is not a multiple of 32"),
    ("--no-check --check-images .", "leave --no-check out"),
    ("--check --no-check", "--check and --no-check are opposites"),
    ("--opset 16", "invalid choice"),
    ("-f nano_ela_s", "says how a network is built, not which weights it has"),
    ("attention=none", "attention is settled by the weights"),
    ("-c model.onnx", "no such file"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_options_that_are_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["yolox-ela export", *words.split()])
    with pytest.raises(UserError, match=message):
        export_options.parse(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_check_can_be_left_out(tmp_path, monkeypatch):
    words = ["yolox-ela export", "-o", str(tmp_path / "a.torchscript")]
    for more, wanted in (([], True), (["--check"], True), (["--no-check"], False)):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        assert export_options.parse(tmp_path).check is wanted


def test_missing_packages_are_named(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        monkeypatch.setattr(sys, "argv", ["yolox-ela export", "-o", str(tmp_path / "a.engine")])
        with pytest.raises(UserError, match="pip install tensorrt"):
            export_options.parse(tmp_path)
