"""The interleaved timer: order, what is on the clock, and paired ratios."""

from collections import Counter
from itertools import pairwise

import pytest

from yolox_ela.tables.timing import Timing, interleave, ratio


def recorded(names, **options):
    """The names in the order in which they were called, and the timings."""
    calls = []
    tasks = {name: lambda name=name: calls.append(name) for name in names}
    return calls, interleave(tasks, **options)


def test_each_round_runs_each_task_once():
    calls, timings = recorded("abc", rounds=5, warmup=0)
    for start in range(0, 15, 3):
        assert sorted(calls[start : start + 3]) == ["a", "b", "c"]
    assert list(timings) == ["a", "b", "c"]
    assert [t.name for t in timings.values()] == ["a", "b", "c"]
    assert all(len(t.seconds) == 5 and min(t.seconds) >= 0 for t in timings.values())


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_places_and_predecessors_are_shared_out(names):
    n = len(names)
    calls, _ = recorded(names, rounds=2 * n, warmup=0)
    rounds = [calls[i : i + n] for i in range(0, len(calls), n)]
    for place in range(n):
        assert Counter(r[place] for r in rounds) == dict.fromkeys(names, 2)
    after = Counter(pair for r in rounds for pair in pairwise(r))
    assert all(after[a, b] == after[b, a] for a in names for b in names)


class Clock:
    """A clock that stands still, except while somebody works."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


def test_warmup_is_not_timed():
    clock, works = Clock(), [100, 100, 1, 2, 3]
    tasks = {"a": lambda: clock.work(works.pop(0))}
    timing = interleave(tasks, rounds=3, warmup=2, clock=clock)["a"]
    assert works == []
    assert timing.seconds == [1, 2, 3]


def test_fast_tasks_are_repeated_and_divided():
    clock, calls = Clock(), []

    def task(name, seconds):
        calls.append(name)
        clock.work(seconds)

    tasks = {"fast": lambda: task("fast", 2), "slow": lambda: task("slow", 30)}
    timings = interleave(tasks, rounds=3, warmup=0, min_seconds=20, clock=clock)
    assert timings["fast"].seconds == [2, 2, 2]
    assert timings["slow"].seconds == [30, 30, 30]
    assert calls.count("slow") == 1 + 3  # one call showed that one is enough
    # One call takes 2 of 20 seconds; with a margin of a tenth, 10 to 11 are needed in each round.
    assert calls.count("fast") in (1 + 10 + 3 * 10, 1 + 11 + 3 * 11)


def test_queued_work_is_on_the_clock_of_its_own_task():
    """As on a GPU: a call only queues, and synchronising waits."""
    clock, queue = Clock(), []

    def synchronise():
        while queue:
            clock.work(queue.pop())

    tasks = {"long": lambda: queue.append(30), "short": lambda: None}
    timings = interleave(tasks, rounds=4, warmup=1, synchronise=synchronise, clock=clock)
    assert timings["long"].seconds == [30] * 4
    assert timings["short"].seconds == [0] * 4


def test_at_least_one_round():
    with pytest.raises(ValueError, match="rounds"):
        recorded("a", rounds=0)


def test_median_and_quartiles():
    timing = Timing("a", [5.0, 1.0, 4.0, 2.0, 3.0])
    assert timing.median == 3
    assert timing.quartiles == (2, 4)


def test_ratio_is_paired():
    """The machine became ten times slower in the third round; the ratio does not see it."""
    assert ratio(Timing("a", [2.0, 4.0, 40.0]), Timing("b", [1.0, 2.0, 20.0])) == (2, 2, 2)
    ratios = ratio(Timing("a", [1.0, 2.0, 3.0, 4.0, 5.0]), Timing("b", [1.0] * 5))
    assert ratios == (3, 2, 4)


def test_ratio_needs_the_same_rounds():
    with pytest.raises(ValueError, match="rounds"):
        ratio(Timing("a", [1.0, 2.0]), Timing("b", [1.0]))
