"""The only tensors that are taken from a file: dense ones of plain numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError

NUMBERS = {
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
}


def require_dense(content: Any, source: Path) -> None:
    """Check every tensor in a file's content, wherever it lies.

    Others need other code, which fewer people have looked at, and no network or optimizer here has
    any. Containers may hold themselves; each is looked at once.

    Raises:
        UserError: a tensor is sparse, quantised, complex, without memory of its own, or of a kind
            of its own.
    """
    stack, seen = [("", content)], set()
    while stack:
        name, value = stack.pop()
        if isinstance(value, Tensor):
            if not _is_dense(value):
                raise UserError(
                    f"{source}: its entry '{name}' is not a dense tensor of plain numbers; save "
                    "the network's weights in float32"
                )
        elif isinstance(value, (Mapping, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            stack += [(f"{name}.{key}" if name else f"{key}", item) for key, item in items]


def _is_dense(tensor: Tensor) -> bool:
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.is_meta:
        return False
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in NUMBERS:
        return False
    # One number that stands for a million would take their memory at the first operation.
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
