"""Where the time of a run went."""

import pytest
import torch

from yolox_ela.train.run_timing import memory_in_use, summarise_timing


def row(epoch, seconds, total, **more):
    return {
        "epoch": epoch,
        "train_seconds": seconds,
        "images_per_second": 100 / seconds,
        "data_wait_share": 0.25 if epoch == 1 else 0.5,
        "total_seconds": total,
        **more,
    }


def test_summary_by_hand():
    history = [
        {"epoch": 0, "ap50_voc07": 0.9},
        row(1, 10.0, 12.0, ap50_voc07=0.41, eval_seconds=2.0),
        row(2, 30.0, 42.0),
        row(3, 10.0, 55.0, ap50_voc07=0.55, eval_seconds=3.0),
        row(4, 10.0, 65.0, ap50_voc07=0.38),
    ]
    summary = summarise_timing(history)
    assert summary["seconds"] == 65.0
    assert summary["train_seconds"] == 60.0
    assert summary["eval_seconds"] == 5.0
    assert summary["images_per_second"] == pytest.approx(400 / 60, abs=0.01)
    assert summary["data_wait_share"] == pytest.approx((2.5 + 15 + 5 + 5) / 60, abs=1e-4)
    assert summary["seconds_to_ap50_07"] == {"30": 12.0, "40": 12.0, "50": 55.0}


def test_memory_grows_with_what_is_held():
    before = memory_in_use(torch.device("cpu"))["memory_gib"]
    held = torch.ones(2**26)  # a quarter GiB
    assert memory_in_use(torch.device("cpu"))["memory_gib"] > before + 0.2
    del held
