"""The attention modules that tests go through: those of the package's own experiments.

A module that has an experiment in exps/ is tested for what all modules promise; no list names it.
"""

from functools import partial

from yolox_ela.attention import CAGroupNorm, ela_s
from yolox_ela.exp_file import own_experiments
from yolox_ela.experiment import load_experiment

CHANNELS = 64


def modules_of_experiments():
    """What builds each module, by the name of the last experiment with it."""
    found = {}
    for name, path in own_experiments().items():
        exp = load_experiment(path)
        if exp.build_attention(CHANNELS) is not None:
            build = exp.attention or exp.build_attention
            # Of CA with several reductions one is enough: they are the same code.
            found[getattr(build, "func", build)] = (name, build)
    return dict(found.values())


MODULES = {
    **modules_of_experiments(),
    "ELA-S, separate": partial(ela_s, shared=False),
    "CA_gn, minimum width": partial(CAGroupNorm, reduction=24, min_width=8),
}
# A module without such a method has no start as the identity, and only the paper's.
STARTING_AS_IDENTITY = {
    name: build for name, build in MODULES.items() if hasattr(build(CHANNELS), "start_as_identity")
}
