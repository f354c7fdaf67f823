"""The attention module that a text names: found, and its options read."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args, get_type_hints

import yolox_ela.attention
from yolox_ela.attention_text import NONE, AttentionText, Recorded, parse_attention
from yolox_ela.errors import UserError
from yolox_ela.exp_file import run_file
from yolox_ela.overrides import did_you_mean

Builder = Callable[[int], Any]


def attention_of(text: str) -> Builder:
    """What builds the module of a site from its number of channels.

    Args:
        text: see `attention_text`; one that comes from a file of weights must name no file.

    Raises:
        UserError: there is no such module or option, or an option has a value of another type.
    """
    parts = parse_attention(text)
    if parts == AttentionText(NONE):
        return _no_module
    if parts.file is None:
        build = _package_module(parts.name)
    elif isinstance(text, Recorded):
        raise UserError(
            f"the weights were trained with attention {text}, and a file that weights name is not "
            f"run by itself: if you trust it, name it again, as attention={text} behind eval, "
            f"--attention {text} behind predict, or Experiment(attention=...) in Python"
        )
    else:
        build = _module_of_file(parts.file, parts.name)
    return functools.partial(build, **_option_values(build, parts)) if parts.options else build


def network_of(text: str) -> Callable[..., Any]:
    """What builds a network that is named as FILE.py:NAME.

    Raises:
        UserError: there is no such file, or nothing in it that can be called by this name.
    """
    if isinstance(text, Recorded):
        raise UserError(
            f"the run trains the network {text}, and a file that a run names is never run by "
            f"itself: if you trust it, name it again, as in network={text}"
        )
    file, _, name = text.partition(".py:")
    return _module_of_file(Path(f"{file}.py"), name, "network")


def _no_module(channels: int) -> None:
    """Leave the site as it is."""


def _package_module(name: str) -> Builder:
    known = {known.lower(): known for known in yolox_ela.attention.__all__}
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(
            f"attention {name}: the package has no such module; {hint + ' ' if hint else ''}It has "
            f"{', '.join(known)}, and {NONE}; give a module of your own as FILE.py:NAME"
        )
    return getattr(yolox_ela.attention, known[name])


def _module_of_file(path: Path, name: str, what: str = "attention") -> Callable[..., Any]:
    if not path.is_file():
        raise UserError(f"{what} {path}:{name}: there is no file {path}")
    module = _run_once(str(path.resolve()), path.stat().st_mtime_ns)
    found = getattr(module, name, None)
    if not callable(found):
        own = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        hint = did_you_mean(name, own)
        said = "has no" if found is None else "has something that cannot be called as its"
        raise UserError(
            f"{what} {path}:{name}: the file {said} {name}; {hint + ' ' if hint else ''}"
            f"It defines {', '.join(own) or 'nothing that builds a module'}"
        )
    return found


@functools.lru_cache
def _run_once(path: str, changed: int) -> ModuleType:
    """A file as a module, the same one for all sites as long as the file does not change."""
    return run_file(Path(path))


def _option_values(build: Builder, parts: AttentionText) -> dict[str, Any]:
    """The values of options, read by the types of the module's keyword arguments."""
    try:
        parameters = list(inspect.signature(build).parameters.values())[1:]
    except (TypeError, ValueError):  # a builtin, which says nothing of its arguments
        parameters = []
    hints = _type_hints(build)
    known = {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    values = {}
    for option, text in parts.options.items():
        if option not in known and not takes_any:
            hint = did_you_mean(option, known)
            listed = ", ".join(_shown(p) for p in known.values()) or "none"
            raise UserError(
                f"attention {parts.name} has no option '{option}'; {hint + ' ' if hint else ''}"
                f"Its options are: {listed}"
            )
        kinds = _kinds(hints.get(option), known.get(option))
        for kind in kinds:
            try:
                values[option] = READERS[kind](text)
                break
            except (ValueError, KeyError):
                continue
        else:
            wanted = " or ".join(WORDS[kind] for kind in kinds)
            raise UserError(f"attention {parts.name}: {option} takes {wanted}, not '{text}'")
    return values


def _type_hints(build: Builder) -> Mapping[str, Any]:
    try:
        return get_type_hints(
            inspect.getattr_static(build, "__init__") if isinstance(build, type) else build
        )
    except (NameError, TypeError):  # annotations of a user's code may be anything
        return {}


def _kinds(hint: Any, parameter: inspect.Parameter | None) -> list[type]:
    """The types that an option may have: as annotated, else its default's, else any."""
    kinds = [kind for kind in READERS if kind in (get_args(hint) or (hint,))]
    if not kinds and parameter is not None and type(parameter.default) in READERS:
        kinds = [type(parameter.default)]
    if kinds == [NoneType]:
        kinds = []
    return kinds or list(READERS)


def _shown(parameter: inspect.Parameter) -> str:
    default = parameter.default
    return parameter.name if default is parameter.empty else f"{parameter.name} (default {default})"


# In the order in which they are tried.
READERS: dict[type, Callable[[str], Any]] = {
    NoneType: lambda text: {"none": None}[text.lower()],
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: int,
    float: float,
    str: str,
}
WORDS = {
    NoneType: "none",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
