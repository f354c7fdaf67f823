"""Every file in exps/: one fair row of the tables each."""

import ast
import re
from pathlib import Path

import pytest
import torch

from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.tables.paper import PAPER
from yolox_ela.tables.record import read_rows

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
    base = Experiment().to_dict()
    assert {n for n, value in exp.to_dict().items() if value != base[n]} <= free
    assert type(exp) is Experiment or type(exp).build_model is Experiment.build_model


@every_file
def test_says_what_it_is(path):
    """The row of the paper, if it is one, as its table prints it; and the experiment's command."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"python tools/train.py -f exps/{path.name}" in said.splitlines()
    if path.stem in PAPER:
        assert re.search(rf"arXiv 2403\.01123, .*Tables? .*: {PAPER[path.stem].map:.2f} mAP", said)


@every_file
def test_states_the_scores_that_are_on_record(path):
    """Untrained, and with the tuned recipe; the rest is in exps/README.md."""
    said = " ".join(path.read_text(encoding="utf-8").split())
    rows = [*read_rows(FOLDER / "results.csv"), *read_rows(FOLDER / "history.csv")]
    rows = [row for row in rows if row.exp == path.stem]
    stated = [row for row in rows if f"{100 * row.ap50_voc07:.2f}" in said]
    assert bool(stated) == bool(rows)
    for row in stated:
        assert f"{row.test_images:,} images" in said
        assert f"{row.image_size} px" in said


@every_file
def test_starts_from_the_baselines_weights_and_detects(path, baseline):
    """One seed, one start: a comparison must not depend on the luck of the other weights."""
    state = torch.random.get_rng_state()
    exp = load_experiment(path)
    model = exp.build_model()
    assert torch.equal(torch.random.get_rng_state(), state), (
        "no side effect on other random numbers"
    )
    weights = model.state_dict()
    assert weights.keys() >= baseline.keys()
    assert all(torch.equal(weights[name], baseline[name]) for name in baseline)
    again = exp.build_model().state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    # Beside the baseline there is attention, at all seven sites or nowhere.
    sites = model.backbone.attention
    assert len(sites) == {"nano": 0, AUTHORS: 3}.get(path.stem, 7)
    assert all(n.startswith("backbone.attention.") for n in weights.keys() - baseline.keys())
    if path.stem in PARAMETERS:
        assert sum(p.numel() for p in model.parameters()) == PARAMETERS[path.stem]
    with torch.no_grad():
        out = model.eval()(torch.full((1, 3, 64, 96), 114.0))
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
