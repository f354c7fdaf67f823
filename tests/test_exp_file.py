"""How experiments are found and loaded: what a file sets takes effect or is refused."""

import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from forked import run_script

from yolox_ela.attention import CA, ECA, ela_s
from yolox_ela.commands.stated import stated_recipe
from yolox_ela.errors import UserError
from yolox_ela.exp_file import own_experiments
from yolox_ela.experiment import Experiment, load_experiment, network_of
from yolox_ela.overrides import override
from yolox_ela.tables.settings import settings_text

PROJECT = Path(__file__).parents[1]
HEAD = """
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar
from yolox_ela.attention import CA, ECA, ela_s
from yolox_ela.experiment import Experiment

"""
CLASS = HEAD + "class Exp(Experiment):\n"
DATACLASS = HEAD + "@dataclass\n" + "class Exp(Experiment):\n"


@pytest.fixture
def written(tmp_path):
    """Writes an experiment file."""

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def kinds(exp):
    """The modules of an experiment's sites."""
    return {type(module).__name__ for module in exp.build_model().backbone.attention.values()}


class TestObject:
    """`exp = Experiment(...)`."""

    def test_name_is_the_files(self, written):
        exp = load_experiment(str(written(HEAD + "exp = Experiment(attention=ela_s)")))
        assert (exp.name, exp.lr, kinds(exp)) == ("mine", 0.02, {"ELA"})

    def test_settings(self, written):
        text = "exp = Experiment(name='other', lr=0.5, classes=['cat', 'dog'])\nexp.epochs = 3\n"
        exp = load_experiment(written(HEAD + text))
        assert (exp.name, exp.lr, exp.classes, exp.epochs) == ("other", 0.5, ("cat", "dog"), 3)

    def test_options(self, written):
        exp = load_experiment(
            written(HEAD + "exp = Experiment(attention=partial(CA, reduction=8))")
        )
        assert exp.build_attention(64).squeeze[0].out_channels == 8

    def test_from_another_experiment(self, written):
        exp = load_experiment(
            written(HEAD + "base = Experiment(attention=ela_s)\nexp = replace(base, lr=1.0)")
        )
        assert (exp.name, exp.lr, kinds(exp)) == ("mine", 1.0, {"ELA"})

    def test_attention_of_the_file_is_not_recorded(self, written):
        """The file says it, and whatever changes other settings keeps it."""
        exp = load_experiment(written(HEAD + "exp = Experiment(attention=ela_s)"))
        assert exp.to_dict().keys() == Experiment().plain().to_dict().keys()
        assert exp.plain().to_dict() == exp.to_dict()
        changed = override(exp, {"lr": "0.5"})
        assert (changed.lr, kinds(changed)) == (0.5, {"ELA"})
        assert kinds(override(exp, {"attention": ""})) == {"ELA"}

    def test_own_settings_are_the_usual_ones(self, written):
        """As those in a class are: a row of results names what a run has otherwise."""
        exp = load_experiment(written(HEAD + "exp = Experiment(share_sites=True)"))
        assert settings_text(exp.to_dict(), exp) == ""
        other = override(exp, {"share_sites": "false"})
        assert settings_text(other.to_dict(), other) == "share_sites=False"


class TestClass:
    """`class Exp(Experiment)`, with and without its decorator, with and without types."""

    @pytest.mark.parametrize(
        "text",
        [
            DATACLASS + "    lr: float = 0.5\n    share_sites: bool = True",
            DATACLASS + "    lr: float = 0.5\n    share_sites = True",
            CLASS + "    lr: float = 0.5\n    share_sites = True",
            CLASS + "    lr = 0.5\n    share_sites = True",
            CLASS + "    lr = 0.5\nBase = Exp\nclass Exp(Base):\n    share_sites = True",
            CLASS + "    share_sites = True\nexp = Exp(lr=0.5)",
        ],
        ids=["dataclass", "no type", "no decorator", "neither", "derived", "object too"],
    )
    def test_settings(self, written, text):
        exp = load_experiment(written(text))
        assert (exp.name, exp.lr, exp.share_sites, exp.epochs) == ("mine", 0.5, True, 72)
        changed = override(exp, {"lr": "0.25", "share_sites": "false"})
        assert (changed.lr, changed.share_sites) == (0.25, False)
        assert changed.to_dict()["lr"] == 0.25

    @pytest.mark.parametrize("head", [CLASS, DATACLASS], ids=["plain", "dataclass"])
    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ("def attention(self, channels):\n        return ela_s(channels)", {"ELA"}),
            ("def attention(this, channels):\n        return ela_s(channels)", {"ELA"}),
            ("def attention(self, channels=64):\n        return ela_s(channels)", {"ELA"}),
            ("attention = ela_s", {"ELA"}),
            ("attention = staticmethod(ela_s)", {"ELA"}),
            ("attention = ECA", {"ECA"}),
            ("attention = partial(CA, reduction=16)", {"CA"}),
            ("attention = lambda channels: ECA(channels)", {"ECA"}),
            ("attention: object = ECA", {"ECA"}),
            ("def attention(self, channels):\n        return None", set()),
            ("attention = None", set()),
        ],
    )
    def test_attention(self, written, head, body, found):
        exp = load_experiment(written(f"{head}    {body}\n"))
        assert kinds(exp) == found
        module = replace(exp, lr=0.5).build_attention(64)
        assert ({type(module).__name__} - {"NoneType"}) == found

    @pytest.mark.parametrize("second", ["attention = ECA", "def attention(self, c): return ECA(c)"])
    @pytest.mark.parametrize("first", ["attention = ela_s", "def attention(self, c): return CA(c)"])
    def test_the_last_classs_attention_counts(self, written, first, second):
        text = f"{CLASS}    {first}\nBase = Exp\nclass Exp(Base):\n    {second}\n"
        assert kinds(load_experiment(written(text))) == {"ECA"}

    def test_fields_of_its_own(self, written):
        """A method reads them from whichever copy it is called on."""
        body = "    reduction: int = 16\n    def attention(self, channels):\n"
        exp = load_experiment(
            written(CLASS + body + "        return CA(channels, reduction=self.reduction)")
        )
        assert exp.build_attention(64).squeeze[0].out_channels == 4
        other = override(exp, {"reduction": "8"})
        assert other.build_attention(64).squeeze[0].out_channels == 8
        assert settings_text(other.to_dict(), other) == "reduction=8"

    def test_a_class_that_no_file_defines(self):
        class Mine(Experiment):
            lr = 0.5
            attention = ECA

        assert (Mine().lr, Mine(lr=1.0).lr, kinds(Mine())) == (0.5, 1.0, {"ECA"})


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "named"),
        [
            (CLASS + "    learning_rate = 0.5", "no effect: 'learning_rate'"),
            (CLASS + "    learning_rate: float = 0.5", "no effect: 'learning_rate'"),
            (DATACLASS + "    learning_rate: float = 0.5", "no effect: 'learning_rate'"),
            (DATACLASS + "    epoch = 3\n    depth = 0.33", "'depth'.*'epoch' .did you mean"),
            (CLASS + "    def atention(self, channels):\n        return ECA(channels)", "atention"),
            (CLASS + "    def get_model(self):\n        return None", "'get_model'"),
            (CLASS + "    tags: list = field(default_factory=list)", "'tags'"),
            (CLASS + "    peak_lr = 0.5", "'peak_lr'"),
            (CLASS + "    def to_dict(self):\n        return {}", "'to_dict'"),
            (CLASS + "    def __init__(self):\n        self.lr = 0.5", "__init__"),
            (CLASS + "    def __post_init__(self):\n        self.lr = 0.5", "'lr'"),
            (CLASS + "    def __post_init__(self):\n        self.depth = 0.5", "'depth'"),
            (CLASS + "    lr: ClassVar[float] = 0.5", "'lr'"),
            (HEAD + "@dataclass(init=False)\nclass Exp(Experiment):\n    lr: float = 0.5", "'lr'"),
            (HEAD + "class Mix:\n    lr = 0.5\nclass Exp(Mix, Experiment):\n    pass", "'lr'"),
            (HEAD + "class Mix:\n    def attention(self, c):\n        return ECA(c)\n"
             "class Exp(Mix, Experiment):\n    pass", "'attention'"),
            (HEAD + "exp = Experiment(learning_rate=0.5)", "'learning_rate'"),
            (HEAD + "exp = Experiment()\nexp.learning_rate = 0.5", "'learning_rate'"),
            (HEAD + "lr = 0.5\nexp = Experiment()", "'lr'"),
            (HEAD + "exp = Experiment(lr='0.5')", "'lr' = '0.5' must be a finite number"),
            (HEAD + "exp = Experiment(epochs=2.5)", "'epochs' = 2.5 must be a whole number"),
            (HEAD + "exp = Experiment(share_sites=1)", "'share_sites' = 1 must be true or false"),
            (HEAD + "exp = Experiment(classes='cat,dog')", "'cat,dog' must be a tuple of texts"),
            (HEAD + "exp = Experiment(mosaic_scale=(1.0,))", "must be a tuple of 2 finite"),
            (HEAD + "exp = Experiment(multiscale=5)", "'multiscale' = 5 must be between 0 and 1"),
            (HEAD + "exp = Experiment(ela_s)", "'name' = .* must be a text"),
        ],
    )  # fmt: skip
    def test_what_would_have_no_effect(self, written, text, named):
        path = written(text)
        with pytest.raises(UserError, match=rf"(?s)^{path}.*{named}"):
            load_experiment(path)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", "has neither"),
            (CLASS + "    lr = 0.5\nexperiment = Exp\ndel Exp", "has neither"),
            (HEAD + "exp = 3", "has exp, a value of type int"),
            (HEAD + "exp = ela_s", "has exp, the function ela_s"),
            (HEAD + "exp = Experiment", "has exp, the type Experiment"),
            ("Exp = 3", "has Exp, a value of type int"),
            ("class Exp:\n    pass", "has Exp, the type Exp"),
            (CLASS + "    lr = 0.5\nExp = Exp()", "has Exp, a value of type Exp"),
            (CLASS + "    lr = 0.5\nexp = Experiment()", "has exp.* and Exp, the type Exp"),
        ],
    )
    def test_no_experiment(self, written, text, found):
        path = written(text)
        wanted = rf"^{path}: .*exp = Experiment\(\.\.\.\), or a class Exp\(Experiment\).*{found}"
        with pytest.raises(UserError, match=wanted):
            load_experiment(path)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("1 / 0", "ZeroDivisionError"),
            ("import no_such_module", "no_such_module"),
            ("class Exp(", "SyntaxError"),
            (CLASS + "    lr = UNKNOWN", "UNKNOWN"),
            (CLASS + "    def __post_init__(self):\n        raise KeyError(3)", "KeyError"),
            (HEAD + "exp = Experiment(attention=CA(reduction=16))", "TypeError"),
            ("def again():\n    again()\nagain()", "RecursionError"),
            ("import sys\nsys.exit(0)", "SystemExit"),
            ("class Mine(BaseException):\n    pass\nraise Mine('mine')", "Mine: mine"),
            (
                "class Mine(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Mine",
                r"Mine: \(its text cannot be read\)",
            ),
        ],
    )
    def test_file_that_fails(self, written, text, reason):
        path = written(text)
        with pytest.raises(UserError, match=rf"(?s)^{path} fails to run: .*{reason}"):
            load_experiment(path)

    @pytest.mark.parametrize(
        ("attention", "message"),
        [
            (ela_s(64), "is a value of type ELA: give what builds a module"),
            (64, "is a value of type int: give what builds"),
            (partial(ela_s, kernel=3), "fails for 64 channels: TypeError"),
            (partial(CA, reduction=0), "fails for 64 channels: ZeroDivisionError|ValueError"),
            (lambda channels: torch.rand(channels), "returns a value of type Tensor for 64"),
        ],
    )
    def test_attention_that_builds_no_module(self, attention, message):
        with pytest.raises(UserError, match=f"attention of mine {message}"):
            Experiment(name="mine", attention=attention).build_model()

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("return self.build_model()", "fails: RecursionError"),
            ("raise SystemExit(0)", "fails: SystemExit"),
            ("raise BaseException('mine')", "fails: BaseException: mine"),
            ("return None", "returns a value of type NoneType: return a YOLOX network"),
            ("return torch.nn.Linear(1, 1)", "returns a value of type Linear"),
        ],
    )
    def test_own_build_that_fails(self, written, body, message):
        text = f"import torch\n{CLASS}    def build_model(self):\n        {body}"
        with pytest.raises(UserError, match=f"build_model of mine {message}"):
            network_of(load_experiment(written(text)))


class TestFinding:
    @pytest.mark.parametrize("name", own_experiments())
    def test_by_name(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        exp = load_experiment(name)
        assert exp.name == name
        assert exp.to_dict() == load_experiment(own_experiments()[name]).to_dict()

    @pytest.mark.slow
    def test_by_name_without_a_checkout(self, tmp_path):
        """In what setup.py builds for a wheel the experiments are a package."""
        pytest.importorskip("setuptools")
        source, built = tmp_path / "source", tmp_path / "built"
        for folder in ("yolox_ela", "exps"):
            shutil.copytree(PROJECT / folder, source / folder)
        for file in ("setup.py", "README.md"):
            shutil.copy(PROJECT / file, source / file)
        weights = source / "yolox_ela" / "pretrained" / "some.pth"
        weights.parent.mkdir(exist_ok=True)
        weights.touch()
        build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(built)]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
        shutil.rmtree(source)
        assert (built / "yolox_ela" / "pretrained" / "some.pth").is_file()
        program = tmp_path / "program.py"
        program.write_text(
            "from yolox_ela.experiment import load_experiment as load; import yolox_ela; "
            "print(yolox_ela.__file__, load('nano_ela_s').build_attention(64))"
        )
        done = run_script([str(program)], tmp_path, elsewhere=built, anew=("exps", "yolox_ela"))
        assert done.stdout.startswith(f"{built}"), done.stderr
        assert "ELA(" in done.stdout

    @pytest.mark.parametrize("name", ["nano_ela_x", "ela_s", "Nano_ELA_S"])
    def test_unknown_name(self, name):
        with pytest.raises(
            UserError, match=rf"{name}'; did you mean .*nano_ela_s.*It has nano, .*nano_se"
        ):
            load_experiment(name)

    def test_a_name_never_runs_a_file_of_the_current_folder(self, written, monkeypatch):
        monkeypatch.chdir(written("1 / 0", "nano.py").parent)
        assert load_experiment("nano").name == "nano"
        with pytest.raises(UserError, match=r"as a path that ends in \.py"):
            load_experiment("mine")

    def test_two_files_of_one_name(self, written, tmp_path):
        first = load_experiment(written(CLASS + "    lr = 0.5"))
        second = load_experiment(written(CLASS + "    lr = 0.25", "other/mine.py"))
        assert (first.lr, second.lr) == (0.5, 0.25)
        assert load_experiment(tmp_path / "mine.py").lr == 0.5

    def test_missing_file_lists_those_there(self, written):
        path = written(HEAD + "exp = Experiment()")
        with pytest.raises(UserError, match=r"mime\.py; did you mean mine\.py.*has mine\.py"):
            load_experiment(path.with_name("mime.py"))
        with pytest.raises(UserError, match=r"nowhere"):
            load_experiment(path.parent / "nowhere" / "mine.py")

    def test_path_into_a_checkout_that_is_not_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError, match=r"the package's own .* -f nano_ela_s$"):
            load_experiment("exps/nano_ela_s.py")

    def test_folder(self, tmp_path):
        with pytest.raises(UserError, match=tmp_path.name):
            load_experiment(tmp_path)

    @pytest.mark.parametrize("ending", ["raise SystemExit", "raise GeneratorExit", "1 / 0"])
    def test_attention_that_ends_in_any_way(self, written, ending):
        build = f"def build(channels):\n    {ending}\n"
        exp = load_experiment(written(f"{HEAD}{build}exp = Experiment(attention=build)"))
        with pytest.raises(UserError, match=r"attention of mine fails for .* channels"):
            exp.build_model()
        module = f"class Ends(ECA):\n    def forward(self, x):\n        {ending}\n"
        exp = load_experiment(written(f"{HEAD}{module}exp = Experiment(attention=Ends)"))
        with pytest.raises(UserError, match=r"Ends .* fails for a map"):
            exp.build_model()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("exp = Experiment(lr={[]: 1})", "unhashable"),
            pytest.param(
                f"exp = Experiment(lr={'-' * 3000}1)",
                "RecursionError",
                marks=pytest.mark.skipif(sys.version_info >= (3, 13), reason="it is read there"),
            ),
            (f"exp = Experiment(epochs=0x{'f' * 5000})", "'epochs' = a value of type int must be"),
            ("exp = Experiment(name='\\ud800')", "'name' = .* must be the name of a folder"),
            ("raise GeneratorExit", "fails to run: GeneratorExit"),
        ],
        ids=["unhashable", "deep", "huge", "half a character", "own end"],
    )
    def test_odd_content(self, written, text, said):
        """What is read of the file before it is run leaves it to the run to say what is wrong."""
        path = written(HEAD + text)
        assert stated_recipe(path) is None
        with pytest.raises(UserError, match=rf"mine\.py.*{said}"):
            load_experiment(path)

    def test_no_python_file(self, written):
        with pytest.raises(UserError, match=r"mine\.txt"):
            load_experiment(written(HEAD, "mine.txt"))
