"""A state that cannot be resumed is refused by the entry that is wrong, before anything changes."""

import copy

import pytest
import torch
from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.network.weights import read_checkpoint, state_dict_of
from yolox_ela.recipe import Recipe
from yolox_ela.train.progress import Progress
from yolox_ela.train.state_entries import (
    fitted_optimizer,
    require_fitting,
    require_position,
    require_state,
)

ROW = {"epoch": 1, "step": 2, "lr": 0.1, "loss": 3.0}
PROGRESS = Progress(step=3, best=0.5, best_epoch=1, history=[ROW]).to_dict()
GONE = object()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


@pytest.fixture
def optimizer(network):
    """Of a network that has made one step."""
    made = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.ones(1, 3)).sum().backward()
    made.step()
    return made


@pytest.fixture
def state(network, optimizer):
    return {
        "model": network.state_dict(),
        "ema": network.state_dict(),
        "ema_updates": 3,
        "start_weights": None,
        "optimizer": optimizer.state_dict(),
        "scaler": None,
        "progress": PROGRESS,
        "loss_sums": [[0.0] * 5],
        "threads": 2,
        "recipe": Recipe().to_dict(),
        "train_data": "x",
        "test_data": "y",
        "value_range": [255.0, 1.0],
        "commit": "abc",
    }


def changed(state, path, value):
    """A copy in which the entry at a path is another one, or gone."""
    new = copy.deepcopy(state)
    node = new
    for key in path[:-1]:
        node = node[key]
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return new


def test_a_good_state_passes(state, tmp_path):
    require_state(state, tmp_path / "state.pth")


def test_a_state_of_the_first_versions_passes(state, tmp_path):
    for name in ("start_weights", "loss_sums", "threads", "test_data", "value_range", "commit"):
        del state[name]
    require_state(state, tmp_path / "state.pth")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["ema"], GONE, "is not the state of a run: it has no ema"),
        (["scaler"], GONE, "'scaler' is missing"),
        (["extra"], 1, "'extra' must be left out, since this version does not know it"),
        (["ema"], None, "'ema' must be a state dict, not None"),
        (["model", 3], torch.zeros(1), "'model' must be a state dict"),
        (["model", "weight"], "text", "'model.weight' must be a tensor, not 'text'"),
        (["ema_updates"], -1, "'ema_updates' must be a whole number that is not negative, not -1"),
        (["ema_updates"], 10**30, "'ema_updates' must be a whole number"),
        (["ema_updates"], 7, "3 steps are done, and its average has 7 updates"),
        (["threads"], 0, "'threads' must be a whole number from 1 to 1024, not 0"),
        (["threads"], True, "'threads' must be"),
        (["loss_sums"], [], "'loss_sums' must be a list of numbers for each process"),
        (["loss_sums"], [1.0], r"'loss_sums\[0\]' must be the sums of loss, iou"),
        (["scaler"], {"scale": "big"}, "'scaler.scale' must be a finite number"),
        (["start_weights"], 1, "'start_weights' must be a state dict, or nothing"),
        (["progress"], [1], "'progress' must be a mapping of names"),
        (["progress", "step"], GONE, "'progress.step' is missing"),
        (["progress", "step"], -1, "'progress.step' must be"),
        (["progress", "step"], 2.0, "'progress.step' must be"),
        (["progress", "foo"], 1, "'progress.foo' must be left out"),
        (["progress", "best"], float("nan"), "'progress.best' must be a score from 0 to 1"),
        (["progress", "best"], 10**18, "'progress.best' must be a score from 0 to 1"),
        (["progress", "history"], {}, "'progress.history' must be a list"),
        (["progress", "history", 0, "epoch"], GONE, r"'progress.history\[0\].epoch' is missing"),
        (["progress", "history", 0, "loss"], "3", r"'progress.history\[0\].loss' must be a number"),
        (["progress", "train_seconds"], -0.5, "'progress.train_seconds' must be"),
        (["optimizer"], {}, "'optimizer.state' is missing"),
        (["optimizer", "state"], {"0": {}}, "'optimizer.state' must be"),
        (["optimizer", "state", 0], [1], "'optimizer.state.0' must be"),
        (["optimizer", "state", 0, "momentum_buffer"], "x", "'optimizer.state.0.momentum_buffer'"),
        (["optimizer", "param_groups"], [1], r"'optimizer.param_groups\[0\]' must be"),
    ],
)
def test_broken_entries(state, tmp_path, path, value, message):
    with pytest.raises(UserError, match=rf"state\.pth.*{message}") as error:
        require_state(changed(state, path, value), tmp_path / "state.pth")
    assert "last.pth" in str(error.value), "the remedy is missing"


@pytest.mark.parametrize(
    ("step", "epochs", "holds"),
    [
        (0, [], True),
        (0, [0], True),  # the start was evaluated
        (3, [1], True),
        (4, [1], True),  # stopped while the second epoch was evaluated
        (4, [1, 2], True),
        (5, [1], False),
        (3, [], False),
        (3, [1, 1], False),
        (3, [2], False),
        (7, [1, 2, 3], False),  # of three epochs of two steps
        (10**12, [1], False),
    ],
)
def test_step_and_history_agree(tmp_path, step, epochs, holds):
    progress = Progress(step=step, history=[{"epoch": epoch} for epoch in epochs])
    arguments = (progress, 3, 2, tmp_path / "state.pth", "remedy")
    if holds:
        require_position(*arguments)
        return
    with pytest.raises(UserError, match=rf"{step} steps are done, of 3 epochs of 2 steps"):
        require_position(*arguments)


@pytest.mark.parametrize(
    ("best_epoch", "holds"), [(0, True), (2, True), (3, False), (10**18, False)]
)
def test_the_best_epoch_is_one_that_is_done(tmp_path, best_epoch, holds):
    """A later one would end a run with `patience` never, or at once."""
    history = [{"epoch": epoch} for epoch in (0, 1, 2)]
    progress = Progress(step=4, best=0.5, best_epoch=best_epoch, history=history)
    arguments = (progress, 3, 2, tmp_path / "state.pth", "remedy")
    if holds:
        require_position(*arguments)
        return
    with pytest.raises(
        UserError, match=r"state\.pth.*'progress.best_epoch' .* from 0 to 2, .*remedy"
    ):
        require_position(*arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {"weight": t["weight"]}, r"'ema\.bias' is missing"),
        (lambda t: {**t, "gain": t["bias"]}, r"'ema\.gain' is unknown to this network"),
        (lambda t: {**t, "bias": t["bias"][:1]}, r"float32 of shape \(2,\), not float32 of .*\(1,"),
        (lambda t: {**t, "bias": t["bias"].half()}, "must be float32 of shape .* not float16"),
        (lambda t: {**t, "bias": t["bias"] * float("nan")}, r"'ema\.bias' has values that are not"),
    ],
)
def test_tensors_that_do_not_fit(network, tmp_path, change, message):
    own = network.state_dict()
    require_fitting(own, own, "ema", tmp_path, "remedy")
    with pytest.raises(UserError, match=message):
        require_fitting(change(own), own, "ema", tmp_path, "remedy")


class TestOptimizer:
    def test_settings_are_the_recipes(self, optimizer, tmp_path):
        """Whatever the file says of them: only what has been learned is taken from it."""
        saved = optimizer.state_dict()
        saved["param_groups"][0] |= {"momentum": "fast", "lr": float("nan")}
        fitted = fitted_optimizer(saved, optimizer, tmp_path, "remedy")
        assert fitted["param_groups"][0]["momentum"] == 0.9
        assert fitted["state"] is saved["state"]

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            (
                ["param_groups", 0, "params"],
                [0],
                "1 groups of parameters, and this version has 1, ",
            ),
            (["param_groups"], [], "has 0 groups of parameters, and this version has 1"),
            (["state", 5], {"momentum_buffer": torch.zeros(1)}, "belongs to no parameter"),
            (["state", 0, "momentum_buffer"], torch.zeros(7), r"the shape \(2, 3\), not \(7,\)"),
            (["state", 0, "momentum_buffer"], torch.full((2, 3), float("inf")), "finite numbers"),
            (["state", 0, "momentum_buffer"], torch.zeros(2, 3).int(), "finite numbers"),
        ],
    )
    def test_refused(self, optimizer, tmp_path, path, value, message):
        saved = changed(optimizer.state_dict(), path, value)
        with pytest.raises(UserError, match=message):
            fitted_optimizer(saved, optimizer, tmp_path, "remedy")


W = torch.ones(4, 3)


@pytest.mark.parametrize(
    "tensor",
    [
        W.to_sparse(),
        W.to("meta"),
        W.to(torch.complex64),
        W.to(torch.float8_e4m3fn),
        torch.ones(1).expand(10**9),
    ],
    ids=["sparse", "meta", "complex", "fp8", "one number for a billion"],
)
@pytest.mark.parametrize("place", ["model", "elsewhere"])
def test_only_dense_tensors_are_taken(tmp_path, tensor, place):
    path = tmp_path / "weights.pth"
    content = {"model": {"a": W}, "more": [{"b": W}]}
    (content["model"] if place == "model" else content["more"][0])["w"] = tensor
    torch.save(content, path)
    entry = r"model\.w" if place == "model" else r"more\.0\.w"
    with pytest.raises(UserError, match=rf"its entry '{entry}' is not a dense tensor"):
        read_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    """Also numbers of 64 bits that are infinite in the network's 32."""
    path = tmp_path / "weights.pth"
    torch.save({"model": {"a": W.double() * value}}, path)
    with pytest.raises(UserError, match=r"a has values that are not finite .* earlier epoch"):
        state_dict_of(read_checkpoint(path), path)


def test_a_container_that_holds_itself(tmp_path):
    content = {"model": {"a": W}}
    content["again"] = content
    torch.save(content, tmp_path / "weights.pth")
    assert read_checkpoint(tmp_path / "weights.pth")["model"]["a"].shape == (4, 3)
