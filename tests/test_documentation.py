"""README and the other pages name files, links and scores that exist."""

import ast
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from yolox_ela.experiment import load_experiment
from yolox_ela.overrides import override
from yolox_ela.predict.video import VideoWriter
from yolox_ela.tables.record import read_rows

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "exps/*.md", "datasets/*.md", "studies/*/*.md")
    for path in PROJECT.glob(pattern)
)
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix()
)
FOLDERS = "docs|exps|tools|studies|examples|tests|yolox_ela"
# The files that a reader of "Add a module" writes, and what moved away.
NOT_THERE = {"exps/nano_mine.py", "yolox_ela/attention/mine.py", "tools/benchmark.py"}
NOT_THERE |= {"exps/tuning/"}


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs form them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@every_page
def test_links_lead_somewhere(page):
    """mkdocs checks those inside docs/ only."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        if anchor:
            assert anchor in headings(other), target


@every_page
def test_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*\w/?)", text))
    missing = {name for name in named - NOT_THERE if not (PROJECT / name).exists()}
    assert not missing


@every_page
def test_python_blocks_are_python(page):
    text = page.read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        ast.parse(code)


OPTION = r"(?<![\w-])--[a-z][a-z0-9-]+"
# Those of argparse, pytest, ruff, mkdocs and pip.
FOREIGN_OPTIONS = {"--help", "--dist", "--check", "--strict", "--no-deps", "--force-reinstall"}
LAUNCHERS = r"(?:torchrun|accelerate launch) .*?\.py"  # options of these are not ours


@every_page
def test_options_exist(page):
    """Whoever renames an option finds the pages that name it."""
    folders = ("tools", "yolox_ela/commands", "studies")
    sources = [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]
    source = "".join(path.read_text(encoding="utf-8") for path in sources)
    known = set(re.findall(rf'"({OPTION})"', source))
    switches = re.findall(rf'"({OPTION})", action=argparse.BooleanOptionalAction', source)
    known |= {f"--no-{name[2:]}" for name in switches}
    text = re.sub(LAUNCHERS, "", page.read_text(encoding="utf-8"), flags=re.S)
    named = set(re.findall(OPTION, text))
    assert named <= known | FOREIGN_OPTIONS


@pytest.fixture
def workplace(tiny_voc, zero_shot_weights, tmp_path, monkeypatch):
    """A current folder that holds what the pages name: data, weights of a run, a photograph."""
    (tmp_path / "exps").symlink_to(PROJECT / "exps")
    (tmp_path / "datasets").symlink_to(tiny_voc)
    settings = {"attention_start": "identity", "image_size": 320}
    exp = override(load_experiment(PROJECT / "exps/nano_ela_s.py"), settings)
    model = exp.build_model()
    model.load_state_dict(zero_shot_weights, strict=False)
    run = tmp_path / "runs/nano_ela_s"
    run.mkdir(parents=True)
    torch.save({"model": model.state_dict(), "recipe": exp.to_dict()}, run / "best.pth")
    shutil.copy(next(tiny_voc.rglob("*.jpg")), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python_block(page, words):
    """The one block of Python code on a page that contains these words."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    (code,) = [b for b in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S) if words in b]
    return code


@pytest.mark.parametrize("page", ["README.md", "docs/usage.md"])
def test_prediction_from_python(page, workplace):
    scope = {"paths": ["photo.jpg", "photo.jpg"]}
    exec(python_block(page, "Detector"), scope)
    assert len(scope["found"].boxes) >= 1
    assert scope["score"] >= 0.3


def test_page_on_prediction(workplace, capsys):
    """Its blocks one after the other: the same boxes from a file and from arrays, then a stream."""
    (workplace / "folder").mkdir()
    shutil.copy(workplace / "photo.jpg", workplace / "folder")
    writer = VideoWriter(workplace / "clip.mp4", 10)
    for _ in range(3):
        writer.add(np.zeros((64, 96, 3), np.uint8))
    writer.close()
    text = (PROJECT / "docs/predict.md").read_text(encoding="utf-8")
    scope = {}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(code, scope)
    assert len(scope["same"]) == len(scope["also_the_same"]) >= 1
    assert (workplace / "objects.jpg").is_file()
    assert capsys.readouterr().out.count("clip.mp4") == 3


@pytest.mark.slow
def test_evaluation_from_python(workplace, tiny_voc):
    (workplace / "datasets").unlink()
    shutil.copytree(tiny_voc, workplace / "datasets")
    (listed,) = (workplace / "datasets").rglob("ImageSets/Main/test.txt")
    listed.write_text("\n".join(listed.read_text().split()[:20]))
    scope = {}
    exec(python_block("docs/api.md", "evaluate("), scope)
    assert scope["results"]["ap50_voc07"] > 0.5
    assert scope["results"]["images"] == len(scope["split"])


def test_readme_is_short():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150


def test_the_table_of_the_study_is_the_generated_one():
    """That of its folder, which `tools/study.py` writes whenever a run ends; README shows three
    rows.
    """
    folder = PROJECT / "studies" / "voc2007"
    text = (folder / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- study voc2007 -->")[2].partition("<!-- /study voc2007 -->")[0]
    table = (folder / "table.md").read_text(encoding="utf-8")
    assert block.strip() == table.strip(), (
        "python tools/study.py studies/voc2007 --table --into studies/voc2007/README.md"
    )
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    rows = [line.split() for line in table.splitlines()]
    shown = readme.partition("<!-- study voc2007 -->")[2].partition("<!-- /study voc2007 -->")[0]
    shown = [line.split() for line in shown.splitlines() if re.match(r"\| [nz]", line)]
    assert [row[1] for row in shown] == ["nano", "nano_ela_s", "zero-shot"]
    assert all(row in rows for row in shown), (
        "python tools/study.py studies/voc2007 --table --into README.md "
        "--rows nano nano_ela_s zero-shot"
    )
    (quoted,) = re.findall(
        r"none larger than [\d.]+ points of AP50 07 is supported", " ".join(readme.split())
    )
    assert quoted in next(line for line in table.splitlines() if "nano_ela_s and nano" in line)


@pytest.mark.parametrize(
    ("title", "exp", "epochs"),
    [
        ("COCO's weights without any training", "nano", 0),
        ("YOLOX-Nano, `--recipe tuned`", "nano", 8),
        ("YOLOX-Nano + ELA-S, `--recipe tuned`", "nano_ela_s", 8),
    ],
)
def test_scores_are_the_recorded_ones(title, exp, epochs):
    """At 320 px on the 1,500 photographs, from the legacy start; the first line of this title."""
    (row,) = [
        row
        for row in read_rows(PROJECT / "exps" / "results.csv")
        if (row.exp, row.image_size, row.test_images, row.epochs) == (exp, 320, 1500, epochs)
        and row.start_sha256.startswith("79c2d023")
    ]
    text = (PROJECT / "docs" / "results.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"| {title}"))
    scores = [f"{100 * score:.2f}" for score in (row.ap50_voc07, row.ap50, row.ap50_95)]
    assert [cell.strip() for cell in line.strip("|").split("|")][1:4] == scores
