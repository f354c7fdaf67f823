"""A checkout, a generated data set and a run, elsewhere than in the real checkout."""

import shutil

import pytest
from command_line import PROJECT, REPORTED, exp, run, tree

from yolox_ela.datasets.sample import generate_sample


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A checkout of its own, so that runs/ and datasets/ of the real one stay untouched."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("tools", "exps"):
        shutil.copytree(PROJECT / folder, root / folder)
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A generated data set of 20 and 8 images, which no tool may change."""
    return generate_sample(tmp_path_factory.mktemp("data"), train_images=20, test_images=8)


@pytest.fixture(scope="session")
def trained(project, data):
    """Folder and output of one small training run on `--data`."""
    before, entries = tree(data), {path.name for path in project.iterdir()}
    output = run(
        project,
        "tools/train.py",
        "-f",
        exp(project),
        "--data",
        f"{data}/",
        "-c",
        "none",
        "--json",
        project / "final.json",
        *REPORTED,
        "seed",
        "3",
    )
    assert tree(data) == before, "nothing is written into a data set"
    new = {path.name for path in project.iterdir()} - entries
    assert new <= {"runs", "final.json"}, "nor elsewhere than into the run's folder"
    return project / "runs" / "nano_ela_s", output
