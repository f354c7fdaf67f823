"""The same result again on a GPU, at the price of speed."""

import os

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def compute_deterministically() -> None:
    """Let this process use operations that give the same result each time, from here on.

    To be called before anything is computed on a GPU. Operations that have no such form still
    run, and a warning of torch names them. On a CPU results repeat without it.
    """
    os.environ.setdefault(WORKSPACE, ":4096:8")  # which cuBLAS reads at its first use
    torch.backends.cudnn.benchmark = False  # it would choose by times, which differ
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Memory that is not written is not read here, so that filling it would only take time.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010


def is_deterministic() -> bool:
    """Whether `compute_deterministically` has been called."""
    return torch.are_deterministic_algorithms_enabled()
