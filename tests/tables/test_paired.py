"""Comparison by seed, against values worked out by hand."""

import pytest

from yolox_ela.tables.paired import clear_winner, paired_difference

NANO = {0: 70.0, 1: 70.4, 2: 69.8}
BETTER = {0: 72.0, 1: 72.5, 2: 71.7}  # by 2.0, 2.1, 1.9
NOISY = {0: 75.0, 1: 69.0, 2: 74.0}  # higher on average, but not on every seed


class TestPairedDifference:
    def test_three_seeds(self):
        """Differences 1, 2, 3: mean 2, deviation 1, t(0.975; 2) = 4.302653, root of 3."""
        found = paired_difference({0: 71.0, 1: 73.0, 2: 72.0}, {2: 69.0, 1: 71.0, 0: 70.0})
        assert found.pairs == 3
        assert found.mean == pytest.approx(2.0)
        assert found.half_width == pytest.approx(4.302653 / 3**0.5, abs=1e-6)
        assert found.interval == pytest.approx((-0.484138, 4.484138), abs=1e-6)

    def test_two_seeds(self):
        """Differences 1 and 2: mean 1.5, deviation 0.5^0.5, t(0.975; 1) = 12.706205."""
        found = paired_difference({0: 1.0, 1: 2.0}, {0: 0.0, 1: 0.0})
        assert found.half_width == pytest.approx(12.706205 / 2, abs=1e-6)

    def test_only_common_seeds_count(self):
        found = paired_difference({0: 71.0, 1: 73.0, 7: 99.0}, {0: 70.0, 1: 71.0, 8: 0.0})
        assert (found.pairs, found.mean) == (2, 1.5)

    def test_one_common_seed_has_no_interval(self):
        found = paired_difference({0: 71.0, 1: 73.0}, {0: 70.0})
        assert (found.pairs, found.mean, found.interval) == (1, 1.0, None)

    def test_no_common_seed(self):
        found = paired_difference({0: 71.0}, {1: 70.0})
        assert (found.pairs, found.mean, found.interval) == (0, None, None)


class TestClearWinner:
    def test_ahead_of_all(self):
        methods = {"nano": NANO, "better": BETTER}
        assert clear_winner(methods) == "better"

    def test_not_ahead_of_one(self):
        """`better` beats the baseline for certain, `noisy` is higher: neither is best."""
        methods = {"nano": NANO, "better": BETTER, "noisy": NOISY}
        assert clear_winner(methods) is None

    def test_one_seed_proves_nothing(self):
        assert clear_winner({"nano": {0: 70.0}, "better": {0: 90.0}}) is None

    def test_rival_with_one_seed_is_not_beaten(self):
        methods = {"nano": NANO, "better": BETTER, "new": {0: 10.0}}
        assert clear_winner(methods) is None

    def test_rival_without_seeds_is_not_beaten(self):
        assert clear_winner({"better": BETTER, "foreign": {}}) is None

    def test_equal(self):
        assert clear_winner({"a": NANO, "b": NANO}) is None

    def test_alone(self):
        assert clear_winner({"nano": NANO}) is None

    def test_higher_by_pairs_but_not_on_average(self):
        """Ahead on the common seeds, behind over all of its own."""
        falling = BETTER | {3: 40.0}
        assert clear_winner({"nano": NANO, "falling": falling}) is None
