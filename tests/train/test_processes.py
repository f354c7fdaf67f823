"""Two processes share each batch and train what one process would; so does a resumed run."""

import pytest
import torch
from forked import in_two_processes
from recorded_runs import STEPS, STOP, begin, load_splits, recipe_of, run, run_all

from yolox_ela.augment.loader import train_loader
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.train.ema import ModelEma
from yolox_ela.train.optimizer import build_optimizer, set_learning_rate
from yolox_ela.train.schedule import learning_rate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def splits(tiny_voc):
    return load_splits(tiny_voc)


@pytest.fixture(scope="module")
def two(splits, zero_shot_weights, folder):
    """What two processes noted, by run."""
    in_two_processes(lambda: run_all(splits, zero_shot_weights, folder))
    return torch.load(folder / "noted.pth", weights_only=True)


@pytest.fixture(scope="module")
def one(splits, zero_shot_weights, folder):
    """The run with frozen BatchNorm in one process."""
    return run(folder / "one", "frozen", splits, zero_shot_weights)


def losses(noted):
    return [row["loss"] for row in noted["history"] if row["epoch"] > 0]


def assert_close(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(
            a[name], b[name], msg=lambda text, name=name: f"{name}: {text}", **tolerance
        )


def assert_same_steps(a, b):
    """Weights and averages agree after every step that both noted, within rounding."""
    steps = a["notes"].keys() & b["notes"].keys()
    assert steps
    for step in sorted(steps):
        for part in ("network", "ema"):
            assert_close(a["notes"][step][part], b["notes"][step][part], rtol=1e-4, atol=1e-5)


def moved(before, after):
    """Names of the tensors that changed by more than such rounding."""
    far = {n: (after[n].float() - t.float()).abs().max() for n, t in before.items()}
    return {name for name, distance in far.items() if distance > 1e-4}


def test_step_by_step_what_one_process_trains(one, two):
    """With BatchNorm's statistics frozen, as only these depend on who has which image."""
    stopped, notes = two["frozen_stopped"], one["notes"]
    assert stopped["notes"].keys() == set(range(1, STOP + 1))
    assert notes.keys() == set(range(1, STEPS + 1))
    assert_same_steps(stopped, one)
    assert losses(stopped) == pytest.approx(losses(one)[:1], rel=1e-4)
    assert len(moved(notes[1]["network"], notes[STOP]["network"])) > 20, "or it could not fail"


def test_the_average_follows(two, zero_shot_weights):
    """What is evaluated and saved has left the start, and so has its AP."""
    notes = two["moving"]["notes"]
    assert len(moved(zero_shot_weights, notes[STEPS]["network"])) > 250
    assert len(moved(zero_shot_weights, notes[STEPS]["ema"])) > 250
    before, *_, after = [row["ap50_95"] for row in two["moving"]["history"] if "ap50_95" in row]
    assert after != before
    assert before > 0.05


def test_resumed_bit_by_bit(two):
    """Stopped in the middle of an epoch, with dropout as the attention."""
    whole, resumed = two["random"], two["resumed"]
    for part in ("network", "ema"):
        assert_close(resumed["notes"][STEPS][part], whole["notes"][STEPS][part], rtol=0, atol=0)
    assert losses(resumed) == losses(whole), "the sums of both processes"


def test_resumed_by_one_process(two, one, splits, zero_shot_weights, folder, screen):
    resumed = run(folder / "frozen_stopped", "frozen", splits, zero_shot_weights, resume=True)
    assert "resuming on 1 processes instead of 2" in "".join(screen)
    assert_same_steps(resumed, one)
    assert losses(resumed) == pytest.approx(losses(one), rel=1e-4)


def test_one_of_them_tells_of_numbers_that_are_not_finite(two, folder):
    """Though both find them; each dumps its own share of the batch."""
    first, second = two["spoiled"]
    assert first.startswith("UserError: the loss is not finite at step 1")
    assert second == "EndedElsewhereError: process 0 of the run has failed"
    dumps = sorted(path.name for path in (folder / "spoiled").glob("*.pth"))
    assert dumps == ["nonfinite_rank0.pth", "nonfinite_rank1.pth"]


def test_batchnorm_normalises_each_share_by_itself(two, splits, zero_shot_weights, tmp_path):
    """Against a plain loop that computes both shares one after the other: their sum is divided
    by the foreground anchors of the whole batch, and the first share's statistics are kept.
    """
    recipe = recipe_of("moving")
    network = begin(tmp_path, "moving", splits, zero_shot_weights).network
    optimizer, ema = build_optimizer(network, recipe), ModelEma(network, recipe)
    shares = [train_loader(splits[0], recipe, rank=rank, world=2) for rank in range(2)]
    for step, batches in enumerate(zip(*shares, strict=True)):
        network.head.use_l1 = step >= STEPS / 2
        side, foreground = input_size(step, recipe), 0.0
        before = [buffer.clone() for buffer in network.buffers()]
        optimizer.zero_grad()
        for batch in reversed(batches):  # the first share's statistics are left
            for buffer, value in zip(network.buffers(), before, strict=True):
                buffer.data.copy_(value)
            parts = network(*network_input(batch.images, batch.targets, side))
            (parts["total_loss"] * parts["foreground"].clamp(min=1)).backward()
            foreground += parts["foreground"].item()
        for parameter in network.parameters():
            parameter.grad /= max(foreground, 1)
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.grad_clip)
        set_learning_rate(optimizer, learning_rate(step, STEPS, recipe), frozen=False)
        optimizer.step()
        ema.update()
        noted = two["moving"]["notes"][step + 1]
        assert_close(noted["network"], network.state_dict(), rtol=1e-3, atol=1e-5)
        assert_close(noted["ema"], ema.model.state_dict(), rtol=1e-3, atol=1e-5)
        # Small batches amplify rounding from step to step, so each step starts from the same.
        network.load_state_dict(noted["network"])
        ema.model.load_state_dict(noted["ema"])
    assert step + 1 == STEPS
