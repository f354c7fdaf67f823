"""Rows of results as a run would leave them."""

from dataclasses import replace

import pytest

from yolox_ela.tables.record import RunRow

USUAL = RunRow(
    exp="nano",
    seed=0,
    data="VOC",
    protocol="voc07",
    train_sets="2007/trainval",
    train_images=5011,
    test_sets="2007/test",
    test_images=4952,
    epochs=72,
    start="coco",
    start_sha256="cd" * 32,
    settings="",
    image_size=640,
    score_threshold=0.01,
    nms_iou=0.65,
    ap50_voc07=0.1 + 0.2,  # 0.30000000000000004: every digit counts
    ap50=0.71,
    ap50_95=0.45,
    per_class="aeroplane 71.23; bicycle 80.00",
    weights="last",
    commit="0123456789abcdef",
    machine="AMD EPYC, 2 cores",
    date="2025-11-21",
)


@pytest.fixture(scope="session")
def build_row():
    """A plausible row with these values replaced."""

    def build(**values):
        return replace(USUAL, **values)

    return build
