"""Arguments of another kind, for the modules and for `insert`: a TypeError that names them."""

import pytest
from torch import nn

from yolox_ela.attention import CA, CBAM, ECA, SA, SE, Before, ela_s, ela_t, insert
from yolox_ela.hosts.sites import sites

WRONG = [None, b"conv", 1.5, {"a": 1}.items, object()]


def network():
    return nn.Module()


CALLS = {
    "model": lambda value: insert(value, ["conv"], ela_s),
    "sites": lambda value: insert(network(), value, ela_s),
    "a site is": lambda value: insert(network(), [value], ela_s),
    "Before": lambda value: insert(network(), [Before(value)], ela_s),
    "name": lambda value: insert(network(), ["conv"], ela_s, name=value),
    "the network's name": sites,
}
CHANNELS = [ela_s, ela_t, SE, CBAM, ECA, SA, CA]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("argument", CALLS)
def test_insert_names_the_argument(argument, value):
    with pytest.raises(TypeError, match=argument):
        CALLS[argument](value)


@pytest.mark.parametrize("value", [*WRONG, True], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("module", CHANNELS, ids=lambda module: module.__name__)
def test_channels_are_a_whole_number(module, value):
    with pytest.raises(TypeError, match="channels must be a whole number, not a"):
        module(value)


@pytest.mark.parametrize("value", [0, -8, 10**5000], ids=["none", "negative", "huge"])
@pytest.mark.parametrize("module", CHANNELS, ids=lambda module: module.__name__)
def test_channels_that_no_map_has(module, value):
    with pytest.raises(ValueError, match="channels must be from 1 to"):
        module(value)


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_that_no_submodule_can_have(name):
    with pytest.raises(ValueError, match="no submodule can be called"):
        insert(network(), ["conv"], ela_s, name=name)


@pytest.mark.parametrize("build", [None, "ela_s", lambda channels: "ela_s"])
def test_what_does_not_build(build):
    model = nn.Module()
    model.conv = nn.Conv2d(3, 8, 1)
    model.forward = lambda x: model.conv(x)
    with pytest.raises(
        (TypeError, ValueError), match=r"build must build a module|where a module belongs"
    ):
        insert(model, ["conv"], build)
