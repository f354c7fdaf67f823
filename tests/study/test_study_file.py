"""The file of a study: what it may say, and one clear error for what it may not."""

import os
from pathlib import Path

import pytest

from yolox_ela.errors import UserError
from yolox_ela.study.plan import EVALUATE, TRAIN, evaluations, groups_of, trainings
from yolox_ela.study.study_file import read_study

PROJECT = Path(__file__).parents[2]

GOOD = """
[study]
question = "Which?"
baseline = "nano"
seeds = [0, 3]
start = "coco"
time_limit = "2h"

[methods.nano]

[methods.neck]
exp = "nano_ela_s"
sites = ["C3_p4", "C3_p3"]

[recipes.short]
base = "tuned"
epochs = 2
lr = 0.00025
evaluate_raw = true

[data.first]
name = "First data"
train_sets = ["2007/train"]

[data.second]
classes = ["cat"]

[beside.own]
exp = "nano_ela_s"
weights = "nano_ela_s"
nms_iou = 0.5
"""


@pytest.fixture
def written(tmp_path):
    """Writes a study's file, by default a good one, with texts replaced."""

    def write(*changes, text=GOOD):
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return write


def test_every_method_with_every_seed_on_all_data(written):
    study = read_study(written())
    runs = trainings(study)
    assert [(run.group.data.name, run.seed, run.method) for run in runs] == [
        (data, seed, method)
        for data in ("first", "second")
        for seed in (0, 3)
        for method in ("nano", "neck")
    ]
    assert len({run.path for run in runs}) == len(runs), "each has a folder of its own"
    words = runs[1].words(study.path)
    assert runs[1].command == TRAIN
    assert words[:6] == ["-f", "nano_ela_s", "-c", "coco", "--recipe", "tuned"]
    assert set(words[6:]) == {
        "epochs=2",
        "lr=0.00025",
        "evaluate_raw=true",
        "train_sets=2007/train,",
        "sites=C3_p4,C3_p3",
        "seed=0",
    }
    assert "--quick" in trainings(study, quick=True)[0].words(study.path)


def test_what_stands_beside(written):
    from yolox_ela.recipe import Recipe

    study = read_study(written())
    first, second = groups_of(study)
    recipes = {first.path: Recipe(image_size=320), second.path: Recipe(classes=("cat",))}
    runs = evaluations(study, recipes, [first])
    assert [(run.group, run.method, run.command) for run in runs] == [
        (first, "zero-shot", EVALUATE),
        (first, "own", EVALUATE),
        (second, "own", EVALUATE),
    ]
    words = runs[0].words(study.path)
    assert words[:3] == ["--zero-shot", "-c", "coco"]
    assert "image_size=320" in words
    assert "nms_iou=0.65" in words
    assert "nms_iou=0.5" in runs[1].words(study.path), "its own, as stated"
    assert "classes=cat," in runs[2].words(study.path)


def test_paths_are_meant_from_the_folder_of_the_study(written, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "mine.pth").write_text("")
    study = read_study(
        written(('"nano_ela_s"\nsites', '"mine.py"\nsites'), ('"coco"', '"mine.pth"'))
    )
    monkeypatch.chdir("/")
    words = trainings(study)[1].words(study.path)
    assert words[:4] == ["-f", str(tmp_path / "mine.py"), "-c", str(tmp_path / "mine.pth")]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[study]", "[study", "cannot be read as TOML"),
        ("[methods.neck]", "[method.neck]", "no section 'method'; did you mean methods?"),
        ("question", "questoin", "[study] has no setting 'questoin'; did you mean question?"),
        ('"Which?"', "5", "[study]: question must be a text in quotes"),
        (
            'baseline = "nano"',
            'baseline = "nono"',
            "none of the methods (nano, neck); did you mean",
        ),
        ("[0, 3]", "[0, 3, 0]", "seed 0 is named twice"),
        ("[0, 3]", "[0.5]", "seeds must be a list of whole numbers"),
        ("[0, 3]", "[]", "seeds must be a list of whole numbers"),
        ("[0, 3]", f"[{'9' * 5000}]", "cannot be read as TOML: Exceeds the limit"),
        ("[0, 3]", "[" * 20000, "cannot be read as TOML"),
        ('start = "coco"', f'start = "{"x" * 300}"', "[study]: start: there is no file"),
        ('"nano_ela_s"\nsites', '"a/\\u0000.py"\nsites', "[methods.neck]: exp must be a text in"),
        ("epochs = 2", f"epochs = 0x{'f' * 5000}", "[recipes.short]: epochs must be a text, a"),
        ('start = "coco"', 'start = "coc"', "[study]: start: there is no file"),
        (
            'exp = "nano_ela_s"\nsites',
            'exp = "nano_elas"\nsites',
            "[methods.neck]: the package has",
        ),
        ('["C3_p4", "C3_p3"]', '["p4"]', "[methods.neck]: recipe field 'sites'"),
        ("epochs = 2", "epoch = 2", "[recipes.short]: the recipe has no field 'epoch'"),
        ("epochs = 2", "epochs = 2.5", "[recipes.short]: recipe field 'epochs' takes a whole"),
        ("epochs = 2", "epochs = [[2]]", "[recipes.short]: epochs must be a text, a number"),
        ("epochs = 2", "seed = 2", "'seed' has no place here: the seeds are those of [study]"),
        ("epochs = 2", 'sites = ["dark3"]', "'sites' is stated by [methods.neck] and by [recipes"),
        ('"tuned"', '"tund"', "[recipes.short]: there is no recipe 'tund'; did you mean tuned?"),
        ("train_sets", "lr", "[data.first]: 'lr' is no setting of data"),
        (
            "evaluate_raw = true",
            "test_sets = ['a']",
            "'test_sets' has no place here: it belongs to",
        ),
        (
            'weights = "nano_ela_s"',
            'weights = "lost.pth"',
            "[beside.own]: weights: there is no file",
        ),
        ('weights = "nano_ela_s"', "", "[beside.own]: weights is missing"),
        ("[beside.own]", "[beside.neck]", "[beside.neck] is called as a method"),
        (
            "[methods.neck]",
            '[methods."a/b"]',
            "[methods.a/b]: the name must be the name of a folder",
        ),
        ("[methods.neck]", "[methods.zero-shot]", "and not 'zero-shot'"),
    ],
)
def test_bad_files(written, before, after, message):
    path = written((before, after))
    with pytest.raises(UserError) as error:
        read_study(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


def test_no_methods(written):
    with pytest.raises(UserError, match="name at least one method"):
        read_study(written(text='[study]\nbaseline = "nano"\nseeds = [0]\n'))


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="no study at"):
        read_study(tmp_path / "study.toml")


@pytest.mark.parametrize(
    "path", sorted(PROJECT.glob("studies/*/study.toml")), ids=lambda p: p.parent.name
)
def test_the_package_s_own_studies_can_be_read(path):
    study = read_study(path)
    assert study.question
    assert len(trainings(study)) >= 6


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "study.toml")
    with pytest.raises(UserError, match="it is a pipe, not a file"):
        read_study(tmp_path)
