"""What is recorded of a run, and shown of it."""

import pytest
from loguru import logger

from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.progress import LOSS_PARTS, Progress
from yolox_ela.train.records import RunRecords
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.trackers import RunTrackers


@pytest.fixture
def records(tmp_path, tiny_recipe):
    folder = RunFolder(tmp_path)
    accelerator = build_accelerator("cpu", "fp32")
    return RunRecords(tiny_recipe, folder, accelerator, RunTrackers((), folder, {}), 5)


def test_time_left_after_a_resume(records):
    """Epoch 3 is resumed after two of its steps, on a machine that is a thousand times faster.

    Three steps and one evaluation are left; what the two epochs before took does not matter.
    """
    before = {"epoch": 2, "total_seconds": 20_000.0}
    records.progress = Progress(step=12, history=[before], total_seconds=20_000.0)
    losses = [4.0] * len(LOSS_PARTS)
    for _ in range(2):
        records.restart_watch()
        records.add_wait()
        records.progress.step += 1
        records.add_step()
    assert records.status(0.01, losses).time_left == "0:00:00 + 1 evaluation"
    records.pace.add_evaluation(90.0)
    status = records.status(0.01, losses)
    assert status.time_left == "0:01:30"
    assert (status.step, status.total_steps, status.epoch) == (14, 15, "3/3")
    records.progress.step = 15
    records.progress.loss_sums = [20.0] * len(LOSS_PARTS)
    row = records.epoch_row(0.01)
    records.close_epoch(row)
    assert row["loss"] == 4.0
    assert records.pace.time_left(15, records.epochs_recorded()) == "0:00:00"


@pytest.mark.parametrize(("metric", "best"), [("ap50_voc07", 2), ("ap50_95", 1)])
def test_the_ap_of_the_data_chooses_the_best_epoch(records, metric, best):
    """Two epochs of which the one scores better by VOC's measure, the other by COCO's."""
    records.metric = metric
    for epoch, (voc, coco) in enumerate([(0.5, 0.3), (0.6, 0.2)], start=1):
        records.progress.step, records.progress.train_seconds = 5 * epoch, 1.0
        row = records.epoch_row(0.01) | {"ap50_voc07": voc, "ap50": voc, "ap50_95": coco}
        assert records.close_epoch(row) == (epoch == 1 or best == 2)
    assert records.progress.best_epoch == best


@pytest.mark.parametrize(
    ("aps", "level", "said"),
    [
        ([0.5, 0.55, 0.525], "INFO", "52.50 after training, 2.50 points above"),
        (
            [0.5, 0.48, 0.45],
            "WARNING",
            "45.00 after training, 5.00 points below the weights that it started from (50.00); "
            "best.pth, of epoch 1, is 2.00 points below them",
        ),
        ([0.5, 0.6, 0.4], "WARNING", "best.pth, of epoch 1, is 10.00 points above them"),
        ([None, 0.6, 0.4], "", ""),
    ],
)
def test_a_run_reports_itself_against_its_start(records, aps, level, said):
    lines = []
    handler = logger.add(lambda m: lines.append((m.record["level"].name, m.record["message"])))
    start, *epochs = aps
    if start is not None:
        records.progress.history.append({"epoch": 0, "ap50_voc07": start})
    for epoch, ap in enumerate(epochs, start=1):
        records.progress.step, records.progress.train_seconds = 5 * epoch, 1.0
        records.close_epoch(records.epoch_row(0.01) | {"ap50_voc07": ap})
    records.report_start()
    logger.remove(handler)
    assert [found for found, _ in lines] == ([level] if level else [])
    assert all(said in line for _, line in lines)
