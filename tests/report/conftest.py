"""Random and real sets, evaluations and networks for the tests of reports."""

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import score_split
from yolox_ela.experiment import Experiment
from yolox_ela.network.model import build_yolox

EVAL_SETTINGS = EvalSettings(320, 0.01, 0.65)


@pytest.fixture(scope="session")
def random_run(build_split):
    """A split of three classes and detections of it with different scores, by seed.

    Objects overlap those of other classes, some are difficult; detections are jittered, repeated,
    of the wrong class, or nowhere near anything.
    """

    def build(seed, *, images=25, difficult=0.2):
        rng = np.random.default_rng(seed)

        def box():
            corner, size = rng.integers(0, 60, 2), rng.integers(8, 50, 2)
            return np.concatenate([corner, corner + size])

        truth, rows = [], []
        for image in range(images):
            objects = []
            for _ in range(rng.integers(0, 5)):
                objects.append((int(rng.integers(3)), box(), rng.random() < difficult))
                if rng.random() < 0.3:
                    moved = objects[-1][1] + rng.integers(-6, 7)
                    objects.append((int(rng.integers(3)), moved, rng.random() < difficult))
            truth.append(objects)
            for label, where, _ in objects:
                for _ in range(rng.integers(0, 4)):
                    jitter = rng.integers(-4, 5, 4) * rng.integers(0, 4)
                    near = np.sort((where + jitter).reshape(2, 2), axis=0).ravel()
                    other = int(rng.integers(3)) if rng.random() < 0.3 else label
                    rows.append((image, other, near))
            rows += [(image, int(rng.integers(3)), box()) for _ in range(rng.integers(0, 3))]
        found = Detections(
            images=np.array([row[0] for row in rows], np.int64),
            boxes=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
            scores=rng.permutation(np.linspace(0.05, 0.95, len(rows))).astype(np.float32),
            labels=np.array([row[1] for row in rows], np.int64),
        )
        return build_split(truth), found

    return build


@pytest.fixture(scope="session")
def scored_run(random_run):
    """A split with detections enough for every plot: (split, detections, scores)."""
    split, found = random_run(7, images=60)
    return split, found, score_split(found, split)


@pytest.fixture(scope="session")
def sample_split(tmp_path_factory):
    """Eight generated photographs with their objects."""
    root = generate_sample(tmp_path_factory.mktemp("sample"), train_images=8, test_images=8)
    return load_split(root, ["2007/trainval"], Experiment().classes)


@pytest.fixture
def damaged_split(sample_split, tmp_path):
    """The sample without the file of its first image."""
    paths = sample_split.paths.copy().astype(object)
    paths[0] = str(tmp_path / "lost.jpg")
    return type(sample_split)(**{**vars(sample_split), "paths": paths})


@pytest.fixture(scope="session")
def gated_network():
    """Builds a network whose attention is far from its initial state, and sees usual maps."""

    def build(attention, **options):
        torch.manual_seed(0)
        model = build_yolox(20, attention, **options)
        for parameter in model.backbone.attention.parameters():
            nn.init.normal_(parameter, std=0.7)
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
        with torch.no_grad():
            model.backbone(255 * torch.rand(4, 3, 64, 64))  # sets running means and variances
        return model.eval()

    return build


@pytest.fixture(scope="session")
def tiny_split(tiny_voc):
    """The test set of the photographs in tiny VOC."""
    return load_split(tiny_voc, ["2007/test"], VOC_CLASSES)


@pytest.fixture(scope="session")
def evaluation():
    """Builds the evaluation of detections that find most objects."""

    def build(split, shift=0.0, settings=EVAL_SETTINGS, seed=0):
        """Every object found, by boxes that are `shift` of their size off; some false ones."""
        rng = np.random.default_rng(seed)
        count = len(split.labels)
        images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
        size = split.boxes[:, 2:] - split.boxes[:, :2]
        offset = shift * np.concatenate([size, size], 1) * rng.uniform(0, 1, (count, 1))
        wrong = rng.uniform(size=count) < 0.1
        detections = Detections(
            images=images,
            boxes=(split.boxes + offset).astype(np.float32),
            scores=rng.uniform(0.1, 1, count).astype(np.float32),
            labels=np.where(wrong, (split.labels + 1) % len(split.classes), split.labels),
        )
        results = score_detections(detections, split, settings, 3.0)
        return SavedEvaluation(detections, split, results)

    return build
