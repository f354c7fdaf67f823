"""A run whose average does not follow its weights, or whose weights stand still, ends."""

import pytest
import torch
from shallow import shallow_yolox

from yolox_ela.errors import UserError
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder


def training(tmp_path, recipe, splits):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    recipe = override(recipe, {"epochs": 1, "final_fraction": 0.0, "warmup_fraction": 0.0})
    accelerator = build_accelerator("cpu", "fp32")
    task = Detection(recipe, *splits, accelerator)
    network = shallow_yolox(20)
    return Training(recipe, network, task, folder, accelerator, trackers=())


def no_average(run):
    run.ema.update = lambda: None


def average_of_another_network(run):
    run.ema.update = type(run.ema)(shallow_yolox(20), run.recipe).update


def optimizer_of_another_network(run):
    other = shallow_yolox(20).parameters()
    for group in run.step.optimizer.param_groups:
        group["params"] = [next(other).detach() for _ in group["params"]]


def replaced_module(run):
    """One site's tensors are not the averaged network's any more."""
    import copy

    head = run.network.head
    head.cls_preds[0] = copy.deepcopy(head.cls_preds[0])
    run.step.optimizer.add_param_group(
        {
            "params": list(head.cls_preds[0].parameters()),
            "lr_factor": 50.0,
            "backbone": False,
        }
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (no_average, "averaged weights do not follow the trained ones"),
        (average_of_another_network, "averaged weights do not follow the trained ones"),
        (replaced_module, r"averaged weights do not follow .* .*head\.cls_preds\.0"),
        (optimizer_of_another_network, "no weight of the trained network has changed"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_is_saved(tmp_path, tiny_recipe, few_splits, fault, message):
    run = training(tmp_path, tiny_recipe, few_splits)
    fault(run)
    with pytest.raises(UserError, match=message):
        run.run()
    assert not run.folder.state.exists()
    assert not run.folder.last.exists()


def test_a_rate_of_zero_moves_nothing(tmp_path, tiny_recipe, few_splits):
    """As at the end of a cosine to 0: no reason to end the run."""
    run = training(tmp_path, override(tiny_recipe, {"lr": 1e-30}), few_splits)
    run.recipe = override(run.recipe, {"lr": 0.0})
    assert run.run() is not None
