"""The file of an experiment: how it is found and run, and what in it would have no effect."""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from yolox_ela.errors import UserError, code_of_others
from yolox_ela.overrides import did_you_mean
from yolox_ela.run_settings import RunSettings, setting_fields
from yolox_ela.system.files import as_path

# Methods that an experiment's class may replace.
REPLACEABLE = {"build_attention", "build_model", "validate"}


def own_experiments() -> dict[str, Path]:
    """The package's own experiments by name, from inside a wheel or from beside the package."""
    return {path.stem: path for path in sorted(_folder().glob("*.py"))}


def host_experiments() -> dict[str, Path]:
    """The package's own experiments with the paper's other networks, by name."""
    return {path.stem: path for path in sorted((_folder() / "hosts").glob("*.py"))}


def _folder() -> Path:
    package = Path(__file__).parent
    installed = package / "exps"
    return installed if installed.is_dir() else package.parent / "exps"


def find_experiment(given: str | Path) -> Path:
    """The file of an experiment.

    Args:
        given: the file's path, or the name of one of the package's own experiments.

    Raises:
        UserError: there is no such file or name; the message lists those that exist.
    """
    path, own = as_path(given, "the experiment"), own_experiments() | host_experiments()
    if path.name == str(path) and path.suffix == "":
        if path.name in own:
            return own[path.name]
        hosts = host_experiments()
        network = path.name.partition("_")[0]  # of another one than YOLOX only if it is named
        alike = {name: file for name, file in hosts.items() if name.startswith(network)}
        hint = did_you_mean(path.name, alike or own_experiments())
        raise UserError(
            f"the package has no experiment '{path}'; {hint + ' ' if hint else ''}It has "
            f"{', '.join(own_experiments())}, and of other networks "
            f"{', '.join(hosts)}; give an experiment of your own as a path that ends "
            "in .py"
        )
    if not path.is_file():
        near = [p.name for p in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        hints = [f"no experiment file at {path}"]
        if near:
            hints += [did_you_mean(path.name, near), f"{path.parent} has {', '.join(near)}"]
        if path.stem in own:
            hints.append(f"for the package's own experiment of this name: -f {path.stem}")
        raise UserError("; ".join(filter(None, hints)))
    return path


def is_own_experiment(path: Path) -> bool:
    """Whether a file is one of the package's own experiments, or a copy of one with its name."""
    own = (own_experiments() | host_experiments()).get(path.stem)
    return own is not None and own.read_bytes() == path.read_bytes()


def trains_other_network(given: str | Path | None) -> bool:
    """Whether an experiment's file trains another network than YOLOX, as its imports tell."""
    if given is None:
        return False
    try:
        tree = ast.parse(find_experiment(given).read_bytes())
    except (SyntaxError, ValueError, UserError):  # running the file says what is wrong
        return False
    return any(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("yolox_ela.tasks.")
        for node in tree.body
    )


def run_file(path: Path) -> ModuleType:
    """Run an experiment's file as a module of its own.

    Raises:
        UserError: the file is not a Python file, or it fails to run.
    """
    module_name = f"yolox_ela_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; an experiment ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up by name
    with blame(path):
        spec.loader.exec_module(module)
    return module


@contextmanager
def blame(path: Path) -> Iterator[None]:
    """Turn any error of an experiment, which is the user's code, into one that names its file."""
    with code_of_others(lambda said: f"{path} fails to run: {said}"):
        try:
            yield
        except UserError as error:
            raise UserError(f"{path}: {error}") from error


def require_effect(exp: RunSettings, base: type[RunSettings], module: ModuleType) -> None:
    """Raise UserError if values in an experiment's file would have no effect, and name them.

    Args:
        exp: the experiment that the file defines.
        base: the class that experiments are instances of.
        module: the module that running the file gave.
    """
    known = {field.name for field in setting_fields(base)}
    ignored = _unread_names(exp, base, module) | _settings_beside(known, module)
    if ignored:
        said = [f"'{name}'" + _hint(name, known) for name in sorted(ignored)]
        raise UserError(
            f"set where it has no effect: {', '.join(said)}. Give fields of the recipe to "
            f"{base.__name__}(...), or set them in the body of a class Exp({base.__name__})"
        )
    if lost := _lost_values(exp, base):
        raise UserError(
            f"{', '.join(map(repr, lost))} would not be what the class says, or could not be "
            "changed on the command line: write settings into the body of the class, without "
            "__post_init__, ClassVar, dataclass options or a base class that is no experiment"
        )


def _unread_names(exp: RunSettings, base: type[RunSettings], module: ModuleType) -> set[str]:
    """Public names that the experiment or its classes set, that are no fields of `base`, and that
    none of the files that define them reads.
    """
    classes = [kind for kind in type(exp).__mro__ if kind not in base.__mro__]
    names = set(vars(exp)).union({f.name for f in fields(exp)}, *(vars(kind) for kind in classes))
    names = {name for name in names if not name.startswith("_")}
    names -= REPLACEABLE | {field.name for field in fields(base)}
    modules = {module, *(sys.modules[kind.__module__] for kind in classes)}
    read = set().union(*(_attributes_read(m) for m in modules))
    return {name for name in names if name not in read or hasattr(base, name)}


def _attributes_read(module: ModuleType) -> set[str]:
    """Names that a module's source reads as an attribute, or contains as a text (for getattr)."""
    read = set()
    for node in ast.walk(_source(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            read.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            read.add(node.value)
    return read


def _settings_beside(known: set[str], module: ModuleType) -> set[str]:
    """Fields of the recipe that the file sets outside the experiment and never reads."""
    tree = _source(module)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    statements = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    targets = [
        target
        for node in statements
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    assigned = {target.id for target in targets if isinstance(target, ast.Name)}
    return (assigned & known) - read


def _source(module: ModuleType) -> ast.Module:
    if module.__file__ is None:  # written at a prompt
        return ast.Module([], [])
    return ast.parse(Path(module.__file__).read_bytes())


def _lost_values(exp: RunSettings, base: type[RunSettings]) -> list[str]:
    """Fields whose value in the class differs from that of a new instance."""
    fresh, lost = type(exp)(), []
    there = {field.name for field in fields(exp)}
    for name in (field.name for field in setting_fields(base)):
        stated: Any = inspect.getattr_static(type(exp), name, MISSING)
        if isinstance(stated, (staticmethod, classmethod)):
            stated = getattr(type(exp), name)
        if name not in there or (stated is not MISSING and stated != getattr(fresh, name)):
            lost.append(name)
    return lost


def _hint(name: str, known: set[str]) -> str:
    hint = "" if name in known else did_you_mean(name, known)
    return f" ({hint})" if hint else ""
