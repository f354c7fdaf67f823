"""The number of threads of a run: timed without touching it, stored with it, or given."""

import os
import signal

import psutil
import pytest
import torch
from shallow import shallow_yolox
from torch.profiler import ProfilerActivity, profile

from yolox_ela.attention import ela_s
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.thread_choice import Trial, fewest_fast, halved, time_threads


@pytest.fixture(autouse=True)
def restored_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def two_cores(monkeypatch):
    """A process that may run on two cores, and is told nothing about threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)


class StoppedAtTwo(Training):
    """Receives SIGINT while its second step is computed."""

    def _train_step(self, batch):
        if self.progress.step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return super()._train_step(batch)


@pytest.fixture
def begin(tiny_recipe, tiny_splits):
    """A run of 400 steps that is stopped after two of them."""
    recipe = override(tiny_recipe, {"epochs": 80})

    def begin(path):
        path.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        network = shallow_yolox(len(recipe.classes), ela_s)
        accelerator = build_accelerator("cpu", "fp32")
        folder = RunFolder(path)
        task = Detection(recipe, *tiny_splits, accelerator)
        return StoppedAtTwo(recipe, network, task, folder, accelerator, trackers=())

    return begin


def test_timing_leaves_no_trace(begin, tmp_path, two_cores, screen):
    """Weights, average and momentum after two steps are those of a run without timing."""
    timed = begin(tmp_path / "timed")
    before = torch.get_rng_state()
    timed.choose_threads()
    assert torch.equal(torch.get_rng_state(), before)
    chosen = torch.get_num_threads()
    assert any(
        f"computing with {chosen} thread" in text and "in a trial" in text for text in screen
    )
    assert timed.run() is None
    plain = begin(tmp_path / "plain")
    plain.choose_threads(chosen)
    assert plain.run() is None
    assert timed.progress.step == plain.progress.step == 2
    ours, theirs = timed.step.state_dict(), plain.step.state_dict()
    for part in ("model", "ema"):
        for name, tensor in theirs[part].items():
            assert torch.equal(ours[part][name], tensor), name
    momenta = [state["optimizer"]["state"] for state in (ours, theirs)]
    assert momenta[0].keys() == momenta[1].keys() != set()
    for key, state in momenta[0].items():
        assert torch.equal(state["momentum_buffer"], momenta[1][key]["momentum_buffer"])
    assert timed.progress.loss_sums == plain.progress.loss_sums


@pytest.mark.parametrize("stored", [1, 3])
def test_a_resumed_run_keeps_its_number(begin, tmp_path, two_cores, stored, screen):
    """Also where the machine would choose another one now; unless the user asks for another."""
    run = begin(tmp_path)
    run.choose_threads(stored)
    run.progress.step = run.step.ema.updates = 1
    run.save_state()
    torch.set_num_threads(4)
    resumed = begin(tmp_path)
    resumed.resume()
    resumed.choose_threads()
    assert torch.get_num_threads() == stored
    assert f"number of threads: {stored}, as the run had before, not 4" in "".join(screen)
    resumed.choose_threads(5)
    resumed.save_state()
    assert torch.load(tmp_path / "state.pth", weights_only=True)["threads"] == 5


def test_the_environment_decides(begin, tmp_path, two_cores, monkeypatch, screen):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    torch.set_num_threads(3)
    begin(tmp_path).choose_threads()
    assert torch.get_num_threads() == 3
    assert screen[-1] == "computing with 3 threads, as OMP_NUM_THREADS says"


@pytest.mark.parametrize(("busy", "threads"), [(0.0, 2), (100.0, 1)])
def test_a_short_run_takes_the_cores_that_are_free(
    begin, tmp_path, two_cores, screen, monkeypatch, busy, threads
):
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: busy)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    run = begin(tmp_path)
    run.total_steps = 40
    torch.set_num_threads(7)
    run.choose_threads()
    assert torch.get_num_threads() == threads
    assert f"{threads} of 2 cores are free, and the run is too short for a trial" in screen[-1]


def test_a_short_run_with_one_thread_looks_for_no_free_core(
    begin, tmp_path, two_cores, screen, monkeypatch
):
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: pytest.fail("it looks"))
    run = begin(tmp_path)
    run.total_steps = 40
    torch.set_num_threads(1)
    run.choose_threads()
    assert torch.get_num_threads() == 1
    assert screen[-1].startswith("computing with 1 thread: torch's own number")


@pytest.mark.parametrize(
    ("most", "candidates"), [(1, [1]), (2, [1, 2]), (6, [1, 3, 6]), (16, [1, 2, 4, 8, 16])]
)
def test_halved(most, candidates):
    assert halved(most) == candidates


@pytest.mark.parametrize(
    ("times", "threads"),
    [({1: 1.0, 2: 0.6, 4: 0.3}, 4), ({1: 1.0, 2: 0.98}, 1), ({1: 0.4, 2: 0.7}, 1), ({4: 1.0}, 4)],
)
def test_fewest_fast(times, threads):
    assert fewest_fast(times) == threads


def test_a_hopeless_step_is_given_up(begin, tmp_path):
    """A single operation of too many threads may take seconds; a step has thousands of them."""
    run = begin(tmp_path)
    trial = Trial(run.step, run.task)
    with profile(activities=[ProfilerActivity.CPU]) as whole:
        trial(float("inf"))
    with profile(activities=[ProfilerActivity.CPU]) as cut:
        trial(0.0)
    count = [sum("convolution" in event.name for event in p.events()) for p in (whole, cut)]
    assert count[0] > 100
    assert count[1] == 0


def test_candidates_take_turns():
    """By a clock that each piece of work moves on; one hopeless candidate is tried once."""
    seconds = {1: [9.0, 1.0, 5.0, 2.0], 2: [8.0, 4.0, 3.0, 7.0], 4: [99.0]}
    now, turns, limits = [0.0], [], []

    def work(limit):
        threads = torch.get_num_threads()
        turns.append(threads)
        limits.append(limit)
        now[0] += seconds[threads].pop(0)

    before = torch.get_num_threads()
    times = time_threads([1, 2, 4], work, 3, clock=lambda: now[0])
    assert times == {1: 2.0, 2: 4.0}, "medians without the first try"
    assert limits[:5] == [float("inf"), 27.0, 24.0, 24.0, 3.0], "three times the fastest"
    assert turns == [1, 2, 4, 1, 2, 1, 2, 1, 2]
    assert torch.get_num_threads() == before
