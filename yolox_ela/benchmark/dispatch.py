"""What a computation asks of the device: operators dispatched, and waits for its numbers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# On a GPU the program waits there until all work before is done.
WAITS = {
    "aten._local_scalar_dense",
    "aten.nonzero",
    "aten.masked_select",
    "aten.is_nonzero",
    "aten.equal",
    "aten._unique2",
    "aten.unique_dim",
    "aten.unique_consecutive",
    "aten.repeat_interleave",
}
VIEWS = {"view", "_unsafe_view", "reshape", "expand", "permute", "transpose", "t", "slice"} | {
    *("select", "unsqueeze", "squeeze", "detach", "alias", "split", "split_with_sizes", "unbind"),
    *("as_strided", "unfold"),
}


class DispatchCount(TorchDispatchMode):
    """Within it, counts operators, of autograd's backward too.

    Attributes:
        operators: by name; views, which do nothing on a device, left out.
        waits: those of them that a GPU would make the program wait for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        full = f"aten.{name}"
        if name not in VIEWS:
            self.operators[full] += 1
        by_mask = name in ("index", "index_put", "index_put_") and any(
            isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)
            for index in args[1]
        )
        if full in WAITS or by_mask:
            self.waits[full] += 1
        return func(*args, **(kwargs or {}))


def count_dispatches(call: Callable[[], object]) -> DispatchCount:
    """Run `call` and count what it dispatches."""
    with DispatchCount() as count:
        call()
    return count
