"""Another size, attention or list of sites is in the name, the rows and the checkpoint."""

import pytest
import torch

from yolox_ela.attention import CA, ECA, ela_s
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.network.starts import Start
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.sizes import SITES
from yolox_ela.tables.entry import checkpoint_origin, zero_shot_origin
from yolox_ela.tables.settings import settings_text
from yolox_ela.train.checkpoint import require_same_run
from yolox_ela.trained import load_trained_file

MINE = """
from torch import nn
from yolox_ela.attention import SE

class Mine(SE):
    pass
"""


@pytest.mark.parametrize(
    ("exp", "words", "name"),
    [
        ("nano_ela_s", {"size": "s"}, "nano_ela_s-size=s"),
        ("nano_ela_s", {"size": "nano", "lr": "0.1"}, "nano_ela_s"),
        ("nano", {"attention": "CA:reduction=16"}, "nano-attention=ca,reduction=16"),
        ("nano", {"attention": "a/b/mine.py:Mine:k=3"}, "nano-attention=mine.Mine,k=3"),
        ("nano_ela_s", {"sites": "C3_p4,dark5"}, "nano_ela_s-sites=dark5,C3_p4"),
        ("nano_ela_s", {"sites": ",".join(reversed(SITES))}, "nano_ela_s"),
        ("nano", {"sites": "dark5", "size": "m"}, "nano-size=m-sites=dark5"),
        ("nano_ela_s", {"size": "s", "name": "mine"}, "mine"),
    ],
)
def test_names(exp, words, name):
    found = override(load_experiment(exp), words)
    found.validate()
    assert found.name == name
    assert override(found, {"seed": "3"}).name == name


def test_a_name_follows_what_is_changed_last():
    exp = override(load_experiment("nano"), {"size": "s"})
    assert override(exp, {"size": "m"}).name == "nano-size=m"
    assert override(exp, {"size": "nano"}).name == "nano"


def test_settings_say_it_too():
    exp = override(load_experiment("nano_ela_s"), {"size": "s", "sites": "dark5", "name": "mine"})
    assert settings_text(exp.to_dict(), exp) == "sites=dark5; size=s"
    exp = override(load_experiment("nano"), {"attention": "eca:kernel_size=5"})
    assert settings_text(exp.to_dict(), exp) == "attention=eca:kernel_size=5"
    unusual = Experiment(size="s", sites=("dark5",))
    assert settings_text(unusual.to_dict(), unusual) == "sites=dark5; size=s"


def test_zero_shot_says_its_size():
    exp = override(load_experiment("nano"), {"size": "tiny", "attention": "eca"})
    assert zero_shot_origin(exp, Start("coco", "", "")).settings == "size=tiny"


def saved(exp, path):
    """Weights as a run saves them."""
    content = {
        "model": exp.build_model().state_dict(),
        "experiment": exp.name,
        "package_experiment": exp.package_name,
        "recipe": exp.to_dict(),
        "classes": list(exp.classes),
    }
    torch.save(content, path)
    return path


WORDS = {"size": "tiny", "attention": "eca:kernel_size=5", "sites": "C3_p4,dark5"}


@pytest.mark.parametrize("given", [None, "nano", "nano_ela_s"])
def test_weights_bring_their_network(tmp_path, given):
    exp = override(load_experiment("nano"), {**WORDS, "image_size": "64"})
    trained = load_trained_file(saved(exp, tmp_path / "best.pth"), given)
    found = trained.experiment
    assert found.name.endswith("-size=tiny-attention=eca,kernel_size=5-sites=dark5,C3_p4")
    model = found.build_model()
    assert model.backbone.size == "tiny"
    assert list(model.backbone.attention) == ["dark5", "C3_p4"]
    assert all(type(module) is ECA for module in model.backbone.attention.values())
    assert model.state_dict().keys() == trained.state.keys()


@pytest.mark.parametrize("given", [None, "nano", "nano_ela_s", "users"])
def test_a_file_that_weights_name_is_named_again(tmp_path, given):
    mine = tmp_path / "mine.py"
    mine.write_text(MINE)
    text = f"{mine}:Mine:reduction=8"
    exp = override(load_experiment("nano"), {"attention": text, "image_size": "64"})
    path = saved(exp, tmp_path / "best.pth")
    mine.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{MINE}")
    users = Experiment(name="mine", attention=ela_s)
    trained = load_trained_file(path, users if given == "users" else given)
    with pytest.raises(UserError, match=r"not run by itself.*name it again"):
        trained.experiment.build_model()
    assert not (tmp_path / "ran").exists()
    again = override(trained.experiment, {"attention": text})
    assert type(again.build_model().backbone.attention["dark3"]).__name__ == "Mine"
    same = Experiment(name="mine", attention=text)
    assert load_trained_file(path, same).experiment.build_model()


def test_a_resumption_needs_the_same_network(tmp_path):
    exp = override(load_experiment("nano"), WORDS)
    content = {"recipe": exp.to_dict()}
    require_same_run(content, override(load_experiment("nano"), WORDS), tmp_path)
    other = {**WORDS, "sites": "dark5,C3_p4"}
    require_same_run(content, override(load_experiment("nano"), other), tmp_path)
    for name, value in (("size", "s"), ("attention", "eca"), ("sites", "dark5")):
        changed = override(load_experiment("nano"), {**WORDS, name: value, "name": exp.name})
        with pytest.raises(UserError, match=f"{name} was .*, is "):
            require_same_run(content, changed, tmp_path)
    with pytest.raises(UserError, match="attention was eca:kernel_size=5, is "):
        require_same_run(content, load_experiment("nano"), tmp_path)
    # A state of a version before there were other sizes, and its experiment's own attention.
    old = {k: v for k, v in load_experiment("nano_ela_s").to_dict().items() if k not in WORDS}
    require_same_run({"recipe": old}, load_experiment("nano_ela_s"), tmp_path)


def test_the_record_names_what_was_trained(tmp_path):
    exp = override(load_experiment("nano"), WORDS)
    content = {"recipe": exp.to_dict(), "experiment": exp.name}
    origin = checkpoint_origin(content, exp, tmp_path / "best.pth", Start("coco", "", ""))
    assert origin.settings == "attention=eca:kernel_size=5; sites=dark5,C3_p4; size=tiny"


@pytest.mark.parametrize(
    ("field", "value"), [("size", "huge"), ("sites", ["dark9"]), ("attention", "x y"), ("size", 3)]
)
def test_foreign_values_in_a_file(tmp_path, field, value):
    exp = load_experiment("nano")
    recipe = exp.to_dict() | {field: value}
    torch.save({"model": exp.build_model().state_dict(), "recipe": recipe}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=rf"w\.pth: its entry 'recipe' has {field} = "):
        load_trained_file(tmp_path / "w.pth", "nano")


def test_a_text_in_an_experiments_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from yolox_ela.experiment import Experiment\n"
        "exp = Experiment(size='s', attention='ca:reduction=16', sites=['dark5'])\n"
    )
    exp = load_experiment(path)
    assert exp.name == "mine"
    model = exp.build_model()
    assert [type(m) for m in model.backbone.attention.values()] == [CA]
    assert settings_text(exp.to_dict(), exp) == "", "the file's name says it"
    assert override(exp, {"sites": "dark4"}).name == "mine-sites=dark4"
    assert isinstance(exp.plain(), Recipe)
    assert Experiment(attention=ela_s).plain().attention is None
