"""Copies of networks."""

import copy
from collections import Counter, OrderedDict
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

Network = TypeVar("Network", bound=nn.Module)

TENSORS_AND_MODULES = ("_parameters", "_buffers", "_modules")
PLAIN_SETSTATES = (nn.Module.__setstate__, _ConvNd.__setstate__)


def copy_network(network: Network) -> Network:
    """What `copy.deepcopy` returns for a network, in a quarter of the time for YOLOX-Nano.

    `copy.deepcopy` asks every module how to copy it, copies a dozen dictionaries of hooks, which
    are nearly always empty, and copies each buffer by its storage. Modules that nobody has given a
    way to be copied, and buffers that share no storage, are copied here; all else is left to it.
    """
    copies: dict[int, Any] = {
        id(buffer): buffer.detach().clone() for buffer in _buffers_by_themselves(network)
    }
    modules = [module for module in network.modules() if _is_copied_by_attributes(type(module))]
    copies |= {id(module): type(module).__new__(type(module)) for module in modules}
    for module in reversed(modules):  # inner ones first: a module may use them while it is copied
        attributes = vars(copies[id(module)])
        for name, value in vars(module).items():
            if name == "_compiled_call_impl":  # copies are not compiled
                continue
            if type(value) in (dict, OrderedDict, set) and not value:
                attributes[name] = type(value)()
            elif name in TENSORS_AND_MODULES:
                attributes[name] = type(value)(
                    (key, copy.deepcopy(part, copies)) for key, part in value.items()
                )
            else:
                attributes[name] = copy.deepcopy(value, copies)
    return copy.deepcopy(network, copies)


def _is_copied_by_attributes(kind: type[nn.Module]) -> bool:
    """Whether `copy.deepcopy` copies the attributes of these modules, and does nothing else."""
    return (
        not hasattr(kind, "__deepcopy__")
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and kind.__getstate__ is nn.Module.__getstate__
        and kind.__setstate__ in PLAIN_SETSTATES
        and kind.__new__ is object.__new__
    )


def _buffers_by_themselves(network: nn.Module) -> list[Tensor]:
    """The plain tensors among the buffers that have their storage for themselves, and fill it."""
    buffers = list(network.buffers())
    users = Counter(buffer.untyped_storage().data_ptr() for buffer in buffers)
    return [
        buffer
        for buffer in buffers
        if type(buffer) is Tensor
        and not (buffer.requires_grad or vars(buffer))
        and buffer.nbytes == buffer.untyped_storage().nbytes()
        and users[buffer.untyped_storage().data_ptr()] == 1
    ]
