"""Modules of a network that training leaves as they are, chosen by name."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.overrides import did_you_mean

# What a name alone would freeze, although its reader may mean one part of it.
AMBIGUOUS = {
    "backbone": "the backbone, the neck and attention together: write backbone.backbone for the "
    "backbone alone, backbone.* for all of them"
}


def frozen_modules(network: nn.Module, patterns: Sequence[str]) -> list[str]:
    """The names of the modules that patterns choose, with all that is inside them.

    Args:
        network: any network.
        patterns: names of modules, or patterns of names with `*`, `?` and `[...]` as in a shell;
            `*` stands for dots, too.

    Returns:
        The names in the network's order, without modules that have no parameters.

    Raises:
        UserError: a pattern chooses nothing, a name could be misunderstood, or all is chosen.
    """
    if not patterns:
        return []
    names = [name for name, module in network.named_modules() if name and _has_parameters(module)]
    chosen: set[str] = set()
    for pattern in patterns:
        if pattern in AMBIGUOUS and pattern in names:
            raise UserError(f"freeze {pattern} would freeze {AMBIGUOUS[pattern]}")
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            raise UserError(_unknown(pattern, names))
        chosen.update(found)
    frozen = [name for name in names if name in chosen]
    inside = {id(p) for name in frozen for p in network.get_submodule(name).parameters()}
    if inside >= {id(p) for p in network.parameters()}:
        raise UserError(f"freeze {','.join(patterns)} leaves nothing to train: name fewer modules")
    return frozen


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Take the parameters of modules out of training: they get no gradient, and so no decay."""
    for name in names:
        network.get_submodule(name).requires_grad_(False)


def keep_statistics(network: nn.Module, names: Sequence[str]) -> None:
    """Let the BatchNorm layers in modules normalise by their statistics and leave them as they are.

    Args:
        network: in training mode; every call of `train` on it undoes this.
        names: names of modules, "" for the whole network.
    """
    for name in names:
        for layer in network.get_submodule(name).modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _unknown(pattern: str, names: Sequence[str]) -> str:
    """What to say of a pattern that chooses nothing."""
    ends = sorted((n for n in names if n.endswith(f".{pattern}")), key=lambda n: (n.count("."), n))
    hint = f"did you mean {', '.join(ends[:3])}?" if ends else did_you_mean(pattern, names)
    parts = ", ".join(name for name in names if name.count(".") == 1)
    return (
        f"freeze names '{pattern}', but no module of the network with parameters has such a name"
        f"{f'; {hint}' if hint else '.'} The main modules are {parts}"
    )
