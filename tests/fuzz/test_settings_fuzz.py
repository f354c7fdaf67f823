"""Whatever checkpoints, command lines and experiments' files hold: it is taken, or refused.

A refusal is one UserError.
"""

import io
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.network.entries import checked_entries
from yolox_ela.network.weights import read_checkpoint, state_dict_of
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import setting_fields
from yolox_ela.saved_settings import may_be_of_other_network
from yolox_ela.train.state_entries import require_state

fuzzed = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,  # the same cases in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = st.sampled_from([field.name for field in setting_fields(Experiment)])
TEXT = st.text(max_size=12)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.just(torch.zeros(2)),
        st.just(10**400),
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.one_of(TEXT, st.integers(), st.none()), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
HEAD = "from yolox_ela.experiment import Experiment\n"
GOOD = {
    "model": {"a": torch.zeros(2)},
    "ema": {"a": torch.zeros(2)},
    "ema_updates": 1,
    "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": []},
    "scaler": None,
    "progress": {"step": 1, "history": [{"epoch": 1}]},
    "recipe": Recipe(name="a").to_dict(),
    "classes": ["cat"],
    "value_range": [255.0, 1.0],
    "train_data": "x",
    "loss_sums": [[0.0] * 5],
    "threads": 1,
}
PLACES = st.one_of(
    st.sampled_from([(name,) for name in GOOD]),
    st.sampled_from(sorted(GOOD["recipe"])).map(lambda name: ("recipe", name)),
    st.sampled_from([("progress", "step"), ("progress", "history"), ("optimizer", "state")]),
)


def with_value(place, value):
    name, *inner = place
    return {**GOOD, name: {**GOOD[name], inner[0]: value} if inner else value}


def test_the_good_state_is_good(tmp_path):
    require_state(checked_entries(GOOD, tmp_path), tmp_path)


@fuzzed
@given(place=PLACES, value=VALUES)
@example(place=("classes",), value=[[]])
@example(place=("recipe", "size"), value=[])
@example(place=("recipe", "precision"), value={})
def test_entries(tmp_path, place, value):
    with suppress(UserError):
        require_state(checked_entries(with_value(place, value), tmp_path), tmp_path)


@settings(fuzzed, max_examples=60)
@given(place=PLACES, value=VALUES, cut=st.integers(0, 4000), flip=st.integers(0, 255))
def test_checkpoints(tmp_path, place, value, cut, flip):
    """Also with a byte changed or the end cut off."""
    buffer = io.BytesIO()
    torch.save(with_value(place, value), buffer)
    data = bytearray(buffer.getvalue())
    if cut < len(data):
        data[cut] = flip
    path = tmp_path / "fuzzed.pth"
    path.write_bytes(data if cut % 2 else data[: len(data) - cut])
    with suppress(UserError):
        state_dict_of(read_checkpoint(path), path)


def test_directories_of_archives_with_any_byte_changed(tmp_path):
    """They are looked at before the whole file is read, which then says what is damaged."""
    buffer, path = io.BytesIO(), tmp_path / "changed.pth"
    torch.save({"model": {"a": torch.zeros(1)}}, buffer)
    good = buffer.getvalue()
    for place in range(good.index(b"PK\1\2"), len(good)):
        data = bytearray(good)
        data[place] ^= 0x88
        path.write_bytes(data)
        assert not may_be_of_other_network(path)


WORDS = st.one_of(
    TEXT,
    st.sampled_from(
        ["", "nan", "1e999", "true", "0", "-1", "0.5,1.5", ",", "a,a", "none", "~nobody/x.txt",
         "a\0.txt", "x" * 300 + ".txt", "/dev/zero", "/", "ca:reduction=x", "ela_s:", "x.py:Y",
         "9" * 5000, "320,320", "\u0661"]
    ),
)  # fmt: skip


@fuzzed
@given(name=FIELDS, text=WORDS)
@example(name="classes", text="a\0.txt")
@example(name="classes", text="x" * 300)
@example(name="classes", text="/dev/zero")
@example(name="seed", text="9" * 5000)
def test_overrides(name, text):
    with suppress(UserError):
        changed = override(Experiment(name="a"), {name: text})
        changed.validate()


@fuzzed
@given(words=st.lists(st.one_of(FIELDS, WORDS, st.just("=")), max_size=6))
def test_words_of_the_command_line(words):
    with suppress(UserError):
        override(Recipe(name="a"), pairs_to_dict(words)).validate()


@fuzzed
@given(name=FIELDS, value=st.one_of(VALUES, st.tuples(VALUES), st.sampled_from([int, len, ...])))
@example(name="lr", value=torch.zeros(2))
@example(name="size", value=[])
@example(name="classes", value=([],))
def test_values_of_fields(name, value):
    with suppress(UserError):
        replace(Experiment(name="a"), **{name: value}).validate()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys\nsys.exit(3)", "fails to run: SystemExit: 3"),
        ("exp = None", "defines exp = Experiment"),
        ("exp = 3", "this one has exp"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(): return f()\nf()", "RecursionError"),
        ("exp =", "SyntaxError"),
        ("\0", "fails to run"),
        (HEAD + "exp = Experiment(lr='x')", "'lr' = 'x'"),
        (HEAD + "exp = Experiment(classes=3)", "'classes' = 3"),
        (HEAD + "exp = Experiment(sites=None)", "'sites' = None"),
        (HEAD + "exp = Experiment(freeze=3)", "'freeze' = 3"),
    ],
)  # fmt: skip
def test_experiments(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"mine\.py.*{message}"):
        load_experiment(path)
