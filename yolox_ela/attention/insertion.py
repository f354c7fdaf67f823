"""Attention behind the submodules of any network, without a change to its code.

    model = insert(torchvision.models.resnet50(weights="DEFAULT"), ["layer3", "layer4"], ela_s)

`insert` registers the modules in the network under `attention` and lets forward hooks of the named
submodules call them. The network's own submodules, and with them the keys of its state dict, stay
as they are: pretrained weights load by name before or after, and the only new keys are
`attention.<site>.<parameter>`, with underscores for the dots of a site (`attention.layer1_0_bn2`).
Copies, pickles, autocast, channels_last, `torch.compile` and `torch.export` work as for any module.
`torch.jit.script`, which does not know such hooks, does not.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from yolox_ela.attention.site_maps import Before, Site, described, maps_at

Network = TypeVar("Network", bound=nn.Module)
Build = Callable[[int], nn.Module | None]


class Inserted(nn.ModuleDict):
    """The inserted modules by the name of their first site, with underscores for dots.

    Attributes:
        site_keys: the key of the module of each site.
    """

    def __init__(self) -> None:
        super().__init__()
        self.site_keys: dict[Site, str] = {}


def insert(
    model: Network,
    sites: Iterable[Site | Sequence[Site]],
    build: Build,
    *,
    example: Any = None,
    identity_start: bool = False,
    name: str = "attention",
) -> Network:
    """Put attention on the maps (N, C, H, W) at some sites of a network, and return the network.

    The network is changed in place. It runs once in evaluation mode, without gradients, to find the
    number of channels at each site; weights, buffers and modes stay as they are.

    Args:
        model: any network; it must not be an `nn.Sequential`, `nn.ModuleList` or `nn.ModuleDict`
            itself, which would run the modules as layers of their own.
        sites: names of submodules, as in `model.named_modules()`, whose output becomes the input of
            an attention module; `Before(name)` for the input of a submodule; a tuple of sites that
            share one module. A submodule must run exactly once in a forward pass.
        build: builds the module for a number of channels, as `ela_s` or `partial(SE, reduction=8)`
            do. If it returns None, the site is left as it is.
        example: what the network is called with to find the channels, a tuple for several
            arguments; by default one image of zeros (1, 3, 224, 224).
        identity_start: True to call `start_as_identity()` of each module, so that the network
            returns what it returned before until it is trained (see `gated`); for pretrained
            weights.
        name: the name under which the modules are registered in the network.

    Raises:
        TypeError: an argument is of another kind; the message names it.
        ValueError: a site does not exist, does not run once, has no map or has attention already;
            sites that share a module differ in channels; or a module cannot be built for its site
            or returns another shape. The message names the site and the shape of its map, and the
            network is unchanged.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"insert: model must be a network (nn.Module), not a {_type(model)}")
    if not callable(build):
        raise TypeError(f"insert: build must build a module, as ela_s does, not a {_type(build)}")
    groups = _groups(sites)
    held = _container(model, name)
    _require_sites(model, groups, held, name)
    maps = maps_at(model, [site for group in groups for site in group], example)
    built: dict[tuple[Site, ...], nn.Module] = {}
    for group in groups:
        module = _built(group, maps, build, identity_start=identity_start)
        if module is not None:
            built[group] = module.train(model.training)
    for group, module in built.items():
        key = _key(group[0])
        held[key] = module
        for site in group:
            held.site_keys[site] = key
            _register(model, site, module)
    if held and not hasattr(model, name):
        model.add_module(name, held)
    return model


class _Behind:
    """A forward hook that replaces a submodule's output; an object, so that copies copy it too."""

    def __init__(self, attention: nn.Module) -> None:
        self.attention = attention

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return self.attention(output)


class _Ahead:
    """A forward pre-hook that replaces a submodule's first input."""

    def __init__(self, attention: nn.Module) -> None:
        self.attention = attention

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.attention(inputs[0]), *inputs[1:])


def _register(model: nn.Module, site: Site, attention: nn.Module) -> None:
    if isinstance(site, Before):
        model.get_submodule(site.name).register_forward_pre_hook(_Ahead(attention))
    else:
        model.get_submodule(site).register_forward_hook(_Behind(attention))


def _groups(sites: Iterable[Site | Sequence[Site]]) -> list[tuple[Site, ...]]:
    """Each module's sites."""
    if isinstance(sites, Site):
        sites = [sites]
    elif isinstance(sites, bytes) or not isinstance(sites, Iterable):
        raise TypeError(
            f"insert: sites must be a list of names of submodules, not a {_type(sites)}"
        )
    parts = [(part,) if isinstance(part, Site) else part for part in sites]
    for site in (site for part in parts for site in (part if _is_group(part) else [part])):
        if not isinstance(site, Site):
            raise TypeError(
                f"insert: a site is a submodule's name or Before(name), not a {_type(site)}"
            )
    groups = [tuple(part) for part in parts]
    if not groups or not all(groups):
        raise ValueError("insert: there is no site; name at least one submodule")
    return groups


def _is_group(part: object) -> bool:
    return isinstance(part, (list, tuple))


def _type(value: object) -> str:
    return type(value).__name__


def _container(model: nn.Module, name: str) -> Inserted:
    """The modules that earlier calls have inserted, or an empty container."""
    if isinstance(model, (nn.Sequential, nn.ModuleList, nn.ModuleDict)):
        raise ValueError(
            f"insert: a {type(model).__name__} runs all of its children as layers, and would run "
            "the attention modules too; give the network that contains it, or wrap it in a module"
        )
    if not isinstance(name, str):
        raise TypeError(f"insert: name must be text, not a {_type(name)}")
    if not name or "." in name:
        raise ValueError(f"insert: no submodule can be called '{name}'; choose another name")
    held = getattr(model, name, None)
    if held is None:
        return Inserted()
    if not isinstance(held, Inserted):
        raise ValueError(
            f"insert: the network has something of its own that is called '{name}'; choose another "
            "name, as in insert(..., name='ela')"
        )
    return held


def _key(site: Site) -> str:
    return str(site).replace(".", "_").replace(" ", "_")


def _require_sites(
    model: nn.Module, groups: Sequence[tuple[Site, ...]], held: Inserted, name: str
) -> None:
    """Raise ValueError for sites that do not exist, or that have attention already."""
    modules = dict(model.named_modules())
    del modules[""]
    taken, keys = set(held.site_keys), set(held)
    for group in groups:
        for site in group:
            path = site.name if isinstance(site, Before) else site
            if path not in modules or path.split(".")[0] == name:
                parent = path.rpartition(".")[0]
                while parent and parent not in modules:
                    parent = parent.rpartition(".")[0]
                near = [child for child, _ in model.get_submodule(parent).named_children()]
                raise ValueError(
                    f"insert: {type(model).__name__} has no submodule '{path}'; "
                    f"{f'its {parent}' if parent else 'it'} has "
                    f"{', '.join(near) or 'no submodules'}"
                )
            if site in taken:
                raise ValueError(f"insert: site {site} has attention already")
            taken.add(site)
        if _key(group[0]) in keys:
            raise ValueError(f"insert: two sites would both be called {_key(group[0])}")
        keys.add(_key(group[0]))


def _built(
    group: tuple[Site, ...], maps: dict[Site, Tensor], build: Build, *, identity_start: bool
) -> nn.Module | None:
    """The module of some sites, tried on maps like theirs."""
    first = maps[group[0]]
    where = "; ".join(f"site {site} with a map {tuple(maps[site].shape)}" for site in group)
    if len({maps[site].shape[1] for site in group}) > 1:
        raise ValueError(f"insert: sites with different channels cannot share a module: {where}")
    try:
        module = build(first.shape[1])
        if module is None:
            return None
        if not isinstance(module, nn.Module):
            raise TypeError(f"build gives a {_type(module)}, where a module belongs")
        module = module.to(first.device, first.dtype)
        if identity_start:
            module.start_as_identity()  # type: ignore[operator]
        with torch.no_grad():
            outputs = [module.eval()(torch.zeros_like(maps[site])) for site in group]
    except Exception as error:  # the user's module, which may fail in any way
        raise ValueError(f"insert: at {where}: {error}") from error
    for site, out in zip(group, outputs, strict=True):
        if not isinstance(out, Tensor) or out.shape != maps[site].shape:
            raise ValueError(
                f"insert: {type(module).__name__} returns {described([out])} at {where}; a map of "
                "the same shape belongs there"
            )
    return module
