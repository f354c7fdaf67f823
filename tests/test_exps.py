"""Every file in exps/: one fair row of the tables each. And how experiments are loaded."""

from pathlib import Path

import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.experiment import VocNano, load_experiment

FOLDER = Path(__file__).resolve().parents[1] / "exps"
FILES = sorted(FOLDER.glob("*.py"))
# Not a row of the tables: the released network, whose modules are shared between sites.
AUTHORS = "nano_ela_authors"
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)

# Parameters with 20 classes. Tables 3 and 7 of arXiv 2403.01123 print them as MB (x 4 / 2^20).
PARAMETERS = {
    "nano": 900_459,
    "nano_se": 931_691,
    "nano_cbam": 932_377,
    "nano_eca": 900_492,
    "nano_sa": 900_915,
    "nano_ca_r16": 947_459,
    "nano_ca_r24": 929_737,
    "nano_ca_r32": 923_959,
    "nano_ca_gn_r16": 948_235,
    "nano_ca_gn_r24": 934_375,
    "nano_ca_gn_r32": 923_959,
    "nano_ela_t": 908_971,
    "nano_ela_b": 911_403,
    "nano_ela_s": 951_531,
    "nano_ela_l": 970_987,
}


@pytest.fixture(scope="module")
def baseline():
    """Initial weights of the baseline."""
    return load_experiment(FOLDER / "nano.py").build_model().state_dict()


def test_every_row_of_the_tables_is_there():
    assert PARAMETERS.keys() <= {path.stem for path in FILES}


@every_file
def test_differs_by_its_module_only(path):
    """Nothing but the name and the module: same epochs, rates, augmentation, seed."""
    exp = load_experiment(path)
    exp.validate()
    assert exp.name == path.stem
    free = {"name"} | ({"share_sites"} if path.stem == AUTHORS else set())
    base = VocNano().to_dict()
    assert {n for n, value in exp.to_dict().items() if value != base[n]} <= free
    own = {name for name in vars(type(exp)) if not name.startswith("__")}
    assert own <= {*free, "attention"}
    assert f"exps/{path.name}\n" in path.read_text(encoding="utf-8"), "its own command line"


@every_file
def test_starts_from_the_baselines_weights(path, baseline):
    """One seed, one start: a comparison must not depend on the luck of the other weights."""
    state = torch.random.get_rng_state()
    exp = load_experiment(path)
    model = exp.build_model()
    assert torch.equal(torch.random.get_rng_state(), state), "no side effect on other draws"
    weights = model.state_dict()
    assert weights.keys() >= baseline.keys()
    assert all(torch.equal(weights[name], baseline[name]) for name in baseline)
    again = exp.build_model().state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    # Beside the baseline there is attention, at all seven sites or nowhere.
    sites = {name.split(".")[2] for name in weights.keys() - baseline.keys()}
    assert len(sites) == {"nano": 0, AUTHORS: 3}.get(path.stem, 7)
    assert all(n.startswith("backbone.attention.") for n in weights.keys() - baseline.keys())
    if path.stem in PARAMETERS:
        assert sum(p.numel() for p in model.parameters()) == PARAMETERS[path.stem]


@every_file
def test_detects(path):
    model = load_experiment(path).build_model().eval()
    with torch.no_grad():
        out = model(torch.full((1, 3, 64, 96), 114.0))
    assert out.shape == (1, 8 * 12 + 4 * 6 + 2 * 3, 25)
    assert out.isfinite().all()


def test_seed_and_classes_shape_the_model(baseline):
    exp = load_experiment(FOLDER / "nano.py")
    exp.seed = 1
    assert not torch.equal(
        exp.build_model().state_dict()["head.stems.0.conv.weight"],
        baseline["head.stems.0.conv.weight"],
    )
    exp.classes = ("cat", "dog")
    assert exp.build_model().head.num_classes == 2


GOOD = """
from dataclasses import dataclass
from yolox_ela.experiment import VocNano

@dataclass
class Exp(VocNano):
    name: str = "mine"
    lr: float = 0.5
"""


class TestLoadExperiment:
    @pytest.fixture
    def written(self, tmp_path):
        """Writes an experiment file."""

        def write(text, name="mine.py"):
            path = tmp_path / name
            path.write_text(text, encoding="utf-8")
            return path

        return write

    def test_own_settings(self, written):
        exp = load_experiment(str(written(GOOD)))
        assert (exp.name, exp.lr, exp.epochs) == ("mine", 0.5, 72)
        assert exp.to_dict()["lr"] == 0.5

    def test_two_files_of_one_name(self, written, tmp_path):
        first = load_experiment(written(GOOD))
        (tmp_path / "other").mkdir()
        second = load_experiment(written(GOOD.replace("0.5", "0.25"), "other/mine.py"))
        assert (first.lr, second.lr) == (0.5, 0.25)
        assert load_experiment(tmp_path / "mine.py").lr == 0.5

    def test_missing_file_lists_those_there(self, written):
        path = written(GOOD)
        with pytest.raises(UserError, match=r"mime\.py.*mine\.py"):
            load_experiment(path.with_name("mime.py"))
        with pytest.raises(UserError, match=r"nowhere"):
            load_experiment(path.parent / "nowhere" / "mine.py")

    def test_folder(self, tmp_path):
        with pytest.raises(UserError, match=tmp_path.name):
            load_experiment(tmp_path)

    def test_no_python_file(self, written):
        with pytest.raises(UserError, match=r"mine\.txt"):
            load_experiment(written(GOOD, "mine.txt"))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Exp = 3",
            "class Exp:\n    pass",
            GOOD.replace("Exp", "Experiment"),
            GOOD + "Exp = Exp()",
        ],
        ids=["empty", "number", "other base", "other name", "instance"],
    )
    def test_no_exp(self, written, text):
        with pytest.raises(UserError, match=r"mine\.py.*Exp\(VocNano\)"):
            load_experiment(written(text))

    def test_not_a_dataclass(self, written):
        """Upstream's trap: settings that look right and are ignored."""
        with pytest.raises(UserError, match=r"mine\.py.*@dataclass"):
            load_experiment(written(GOOD.replace("@dataclass", "")))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("1 / 0", "ZeroDivisionError"),
            ("import no_such_module", "no_such_module"),
            ("class Exp(", "SyntaxError"),
            (GOOD.replace("0.5", "UNKNOWN"), "UNKNOWN"),
        ],
    )
    def test_file_that_fails(self, written, text, reason):
        with pytest.raises(UserError, match=rf"(?s)mine\.py.*{reason}"):
            load_experiment(written(text))


def test_setting_without_a_type_is_not_ignored(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD + "    seed = 5\n")
    with pytest.raises(UserError, match=r"give .seed. a type"):
        load_experiment(path)


def test_init_of_an_experiment_fails(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD + "    def __post_init__(self):\n        raise KeyError(3)\n")
    with pytest.raises(UserError, match=r"mine\.py"):
        load_experiment(path)
