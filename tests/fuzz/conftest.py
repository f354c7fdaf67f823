"""Fuzzing samples the smallest numbers, too, which training on a CPU rounds to 0."""

import pytest
import torch


@pytest.fixture(autouse=True)
def smallest_numbers():
    """What another test of the same process may have switched off."""
    torch.set_flush_denormal(False)
