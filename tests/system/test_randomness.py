"""Named seeds give the numbers that accelerate's seeding gives, and leave nothing behind."""

import random

import numpy as np
import torch
from accelerate.utils import set_seed

from yolox_ela.system.randomness import isolated_generators, seed_generators


def numbers():
    return random.random(), np.random.random(), torch.rand(3).tolist()  # noqa: NPY002


def test_as_accelerate_seeds():
    with isolated_generators(0):
        seed_generators(3, 1)
        found = numbers()
        set_seed(int(np.random.SeedSequence((3, 1)).generate_state(1)[0]))
        assert numbers() == found
        seed_generators(1, 3)
        assert numbers() != found


def test_the_generators_go_on_where_they_were():
    set_seed(5)
    wanted = numbers()
    set_seed(5)
    with isolated_generators(7):
        numbers()
    assert numbers() == wanted
