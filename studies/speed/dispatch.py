"""Counting the operators that a computation dispatches, and its waits for the device."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# On a GPU the program waits there until all work before is done.
WAITS = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "is_nonzero",
    "equal",
    "repeat_interleave",
    "bincount",
)
VIEWS = {"view", "_unsafe_view", "reshape", "expand", "permute", "transpose", "t", "slice"} | {
    *("select", "unsqueeze", "squeeze", "detach", "alias", "split", "split_with_sizes", "unbind"),
    *("as_strided", "unfold"),
}


class DispatchCount(TorchDispatchMode):
    """Within it, counts operators, of autograd's backward too.

    Attributes:
        operators: by name; views, which do nothing on a device, left out.
        waits: those of them that a GPU would make the program wait for, copies from the CPU too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        if name not in VIEWS:
            self.operators[f"aten.{name}"] += 1
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        by_mask = name.startswith(("index", "_index_put")) and any(
            x.dtype in (torch.bool, torch.uint8) for x in tensors[1:]
        )
        to_device = (
            isinstance(result, torch.Tensor)
            and result.device.type != "cpu"
            and any(x.dim() and x.device.type == "cpu" for x in tensors)
        )
        if name in WAITS or name.startswith(("_unique", "unique")) or by_mask or to_device:
            self.waits[f"aten.{name}"] += 1
        return result


def count_dispatches(call: Callable[[], object]) -> DispatchCount:
    """Run `call` and count the operators that it dispatches."""
    with DispatchCount() as count:
        call()
    return count
