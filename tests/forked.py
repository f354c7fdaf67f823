"""Two processes that know each other, as torchrun starts them."""

import os
import socket
import traceback
from collections.abc import Callable

import torch
from accelerate.state import AcceleratorState


def in_two_processes(work: Callable[[], None]) -> None:
    """Do `work` in two processes of one run, to their ends.

    They are forked from this one, since importing torch and the package takes seconds; trainings
    that torchrun itself starts are in test_nodes.py and tools/test_train.py.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            os._exit(_work_as(rank, port, work))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def _work_as(rank: int, port: int, work: Callable[[], None]) -> int:
    """The exit code of one process."""
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    values = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    values |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        work()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
