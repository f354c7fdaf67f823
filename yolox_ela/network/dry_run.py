"""A dry run of attention modules: what is wrong with one shows before any image is read."""

import copy
import functools
import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from yolox_ela.errors import UserError, code_of_others
from yolox_ela.input_size import InputSize
from yolox_ela.network.model import AttentionPafpn
from yolox_ela.sizes import STRIDES
from yolox_ela.system.randomness import isolated_generators

# Larger inputs would show nothing more, and take longer.
LARGEST_SIDE = 224
# Maps that a second layer takes too, which the gradient of that layer needs as they were.
USED_TWICE = ("dark3", "dark4")


def require_working(neck: AttentionPafpn, size: InputSize, builder: Any = None) -> None:
    """Run each attention module forward and backward, and forward once more in evaluation mode.

    Copies are run, on maps of random numbers as they arrive for two images of this size (with sides
    of `LARGEST_SIDE` at most). A square map gets one more column, so that rows and columns that
    were mixed up show. Neither the network nor any random generator changes.

    Args:
        neck: the part of the network that has attention.
        size: smallest size of a training input.
        builder: what built the modules, for messages on classes that are torch's own.

    Raises:
        UserError: a module returns something else than a map of the same shape, type and device, is
            not finite, fails, or lets no gradient through; names its class, file, site and shape.
    """
    places: dict[type, str] = {}  # a source file is searched once for all sites
    for site, key in neck.site_keys.items():
        module, channels = neck.attention[key], neck.channels[site]
        rows, columns = (min(side, LARGEST_SIDE) // STRIDES[site] for side in size)
        kind = type(module)
        if kind not in places:
            places[kind] = source_of(module, builder)
        name = f"{kind.__name__}{places[kind]}"
        label = f"attention {name} at site {site} of YOLOX-{neck.size.capitalize()}"
        with isolated_generators(0):
            _require_working(module, label, site, (2, channels, rows, columns + (rows == columns)))


def source_of(module: object, builder: Any = None) -> str:
    """` (FILE:LINE)`: where the class of a module is defined, or else its builder; may be empty."""
    while isinstance(builder, functools.partial):
        builder = builder.func
    for found in (type(module), builder):
        if found is None or getattr(found, "__module__", "torch").split(".")[0] in TORCHS_OWN:
            continue
        try:
            file, line = inspect.getsourcefile(found), inspect.getsourcelines(found)[1]
        except (OSError, TypeError):  # defined at a prompt, or a callable object
            continue
        if file:
            return f" ({Path(file).name}:{line})"
    return ""


TORCHS_OWN = ("torch", "builtins")


def _require_working(
    module: nn.Module, label: str, site: str, shape: tuple[int, int, int, int]
) -> None:
    given = f"for a map of shape {shape}"
    if any(isinstance(p, UninitializedParameter) for p in module.parameters()):
        raise UserError(
            f"{label} has lazy layers, whose weights do not exist yet: give them their sizes, from "
            "the number of channels that the module is built with"
        )
    with code_of_others(
        lambda said: f"{label} cannot be copied, as averaging the weights needs: {said}"
    ):
        module = copy.deepcopy(module)
    image = torch.randn(shape)
    leaf = image.clone().requires_grad_()
    x = leaf * 1
    used_twice = x * x  # as the layer beside the module, whose gradient needs the map unchanged
    with code_of_others(lambda said: f"{label} fails {given}: {said}"):
        out = module.train()(x)
    _require_map(out, image, f"{label} returns", given)
    if site in USED_TWICE and x._version > 0:
        raise UserError(
            f"{label} changes its input in place, which another layer needs as it was: return a "
            "new tensor, as in x * gate"
        )
    no_gradient = (
        f"{label} lets no gradient through to its input {given}: what stands before it could not "
        "be trained"
    )
    if not out.requires_grad:
        raise UserError(no_gradient)
    loss = out.square().sum() + (used_twice.sum() if site in USED_TWICE else 0)
    try:
        (gradient,) = torch.autograd.grad(out.sum(), x, retain_graph=True, allow_unused=True)
        loss.backward()
    except RuntimeError as error:
        raise UserError(
            f"{label} cannot be trained {given}, since its gradient fails: {error}"
        ) from error
    if gradient is None:
        raise UserError(no_gradient)
    if not gradient.isfinite().all():
        raise UserError(f"{label} has a gradient that is not finite {given}")
    with (
        torch.no_grad(),
        code_of_others(lambda said: f"{label} fails in evaluation mode {given}: {said}"),
    ):
        out = module.eval()(image.clone())
    _require_map(out, image, f"{label} returns in evaluation mode", given)


def _require_map(out: Any, image: Tensor, returns: str, given: str) -> None:
    """Raise UserError unless `out` is a map like the one that was given."""
    wanted = "a tensor of the same shape, type and device belongs"
    if not isinstance(out, Tensor):
        raise UserError(f"{returns} a {type(out).__name__} {given}, where {wanted}")
    if out.shape != image.shape:
        raise UserError(f"{returns} a tensor of shape {tuple(out.shape)} {given}, where {wanted}")
    for what in ("dtype", "device"):
        mine, right = getattr(out, what), getattr(image, what)
        if mine != right:
            raise UserError(
                f"{returns} a tensor of {what} {mine} {given} and {what} {right}, where {wanted}"
            )
    if not out.isfinite().all():
        raise UserError(f"{returns} values that are not finite {given}")
