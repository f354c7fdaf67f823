"""A short run of each task, whose weights and scores are noted."""

import os
from dataclasses import replace

import torch
from tiny_tasks import KINDS, experiment
from torch import nn

from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder


def run(kind, data, folder):
    """With BatchNorm's statistics frozen and no dropout: these depend on who has which image."""
    exp = experiment(kind, freeze_batchnorm=True, lr=0.01)
    accelerator = build_accelerator("cpu", "fp32")
    accelerator.end_training = lambda: None  # the next run needs the processes' connection
    if accelerator.is_main_process:
        folder.mkdir(parents=True)
    accelerator.wait_for_everyone()
    train, test = exp.load(data / kind)
    exp = replace(exp, classes=train.classes)
    network = exp.build_model()
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    task = exp.task_of(exp, train, test, accelerator)
    training = Training(exp, network, task, RunFolder(folder), accelerator, trackers=())
    results = training.run()
    scores = {name: results[name] for name in task.columns.scores}
    return {
        "network": training.network.state_dict(),
        "scores": scores,
        "per_class": results["per_class"],
        "losses": [row["loss"] for row in training.progress.history],
    }


def run_all(data, folder):
    """The work of each of two processes, whose notes are written into the folder."""
    noted = {kind: run(kind, data, folder / kind) for kind in KINDS}
    if os.environ["RANK"] == "0":
        torch.save(noted, folder / "noted.pth")
