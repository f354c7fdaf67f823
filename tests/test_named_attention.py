"""Attention by name: what a text stands for, and what is said where it stands for nothing."""

import pytest
import torch

from yolox_ela import attention
from yolox_ela.attention_text import Recorded, parse_attention
from yolox_ela.errors import UserError
from yolox_ela.named_attention import attention_of

MINE = """
from torch import nn

class Mine(nn.Module):
    def __init__(self, channels, *, scale: float | None = 1.0, name="a", deep: bool = False, n=2):
        super().__init__()
        self.options = scale, name, deep, n

    def forward(self, x):
        return x * 1

NUMBER = 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("name", attention.__all__)
def test_every_module_has_its_name(name):
    options = ":groups=8" if name == "ELA" else ""
    for text in (name, name.lower()):
        built = attention_of(f"{text}{options}")(64)
        kind = getattr(attention, name)
        assert type(built) is (kind if isinstance(kind, type) else attention.ELA)


def test_options_are_read_by_type():
    assert attention_of("ca:reduction=16")(64).squeeze[0].out_channels == 4
    assert attention_of("ca:reduction=24,min_width=8")(64).squeeze[0].out_channels == 8
    module = attention_of("ela_t:shared=false")(64)
    assert module.gate_w is not None
    assert attention_of("eca:kernel_size=5")(64).gate[0].kernel_size == (5,)
    assert attention_of("eca:kernel_size=none")(64).gate[0].kernel_size == (3,)


def test_a_module_of_a_file(mine):
    build = attention_of(f"{mine}:Mine:scale=2,name=3:deep=true,n=5")
    assert build(64).options == (2.0, "3", True, 5)
    assert type(build(64)) is type(attention_of(f"{mine}:Mine")(128)), "the file is run once"
    assert attention_of(f"{mine}:Mine:scale=none")(8).options[0] is None


def test_none_leaves_every_site():
    assert attention_of("none")(64) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ela_q", "has no such module; did you mean ela_.*FILE.py:NAME"),
        ("ca:reductoin=3", "no option 'reductoin'; did you mean reduction.*min_width"),
        ("ca:reduction=x", "reduction takes a whole number, not 'x'"),
        ("ca:reduction=1.5", "reduction takes a whole number, not '1.5'"),
        ("ela_t:shared=1", "shared takes true or false, not '1'"),
        ("eca:kernel_size=a", "kernel_size takes none or a whole number, not 'a'"),
        ("ca:reduction", "'reduction' must be an option with its value"),
        ("ca:reduction=1,reduction=2", "given twice"),
        ("none:a=1", "takes no options"),
        ("my module", "must be a name"),
        ("", "must be a name"),
        ("FILE", "there is no file nowhere.py"),
        ("mine.py", "attention=mine.py:Mine"),
        ("MINE:Mime", "did you mean Mine"),
        ("MINE:NUMBER", "cannot be called"),
        ("MINE:Mine:nam=3", "no option 'nam'; did you mean"),
    ],
)
def test_refused(mine, text, message):
    text = {"FILE": "nowhere.py:X"}.get(text, text).replace("MINE", str(mine))
    with pytest.raises(UserError, match=message):
        attention_of(text)


def test_a_file_that_weights_name_is_not_run(tmp_path):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef Mine(c): pass\n")
    text = f"{tmp_path / 'evil.py'}:Mine"
    with pytest.raises(UserError, match=r"not run by itself.*attention=.*evil.py:Mine"):
        attention_of(Recorded(text))
    assert not (tmp_path / "ran").exists()
    assert attention_of(text)(64) is None
    assert (tmp_path / "ran").exists()
    assert isinstance(attention_of(Recorded("se"))(64), attention.SE)


def test_one_spelling_and_a_name_for_folders():
    assert (
        str(parse_attention(" CA : reduction = 16 : min_width=8")) == "ca:reduction=16,min_width=8"
    )
    parts = parse_attention("/some/where/mine.py:Mine:path=a/b")
    assert str(parts) == "/some/where/mine.py:Mine:path=a/b"
    assert parts.short == "mine.Mine,path=a_b"


def test_a_named_module_works():
    with torch.no_grad():
        assert attention_of("sa:groups=4")(64).eval()(torch.rand(1, 64, 3, 5)).shape == (
            1,
            64,
            3,
            5,
        )
