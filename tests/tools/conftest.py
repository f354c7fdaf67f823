"""A checkout, a generated data set and a run, elsewhere than in the real checkout."""

import json
import os
import shutil
import subprocess

import pytest
from command_line import PROJECT, REPORTED, exp, run, tree
from filelock import FileLock

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
def trained(project, data, tmp_path_factory):
    """Folder and output of one small training run on `--data`.

    The first process of pytest's `-n` that needs it trains; the others take a copy.
    """
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    kept, folder = common / "trained", project / "runs" / "nano_ela_s"
    with FileLock(common / "trained.lock"):
        if not kept.is_dir():
            output = _train(project, data)
            kept.mkdir()
            shutil.copytree(folder, kept / "run")
            shutil.copy(project / "final.json", kept)
            texts = {"place": str(project), "stdout": output.stdout, "stderr": output.stderr}
            (kept / "output.json").write_text(json.dumps(texts))
            return folder, output
    shutil.copytree(kept / "run", folder)
    shutil.copy(kept / "final.json", project)
    texts = json.loads((kept / "output.json").read_text())
    place = texts.pop("place")
    texts = {name: text.replace(place, str(project)) for name, text in texts.items()}
    return folder, subprocess.CompletedProcess([], 0, **texts)


def _train(project, data):
    before, entries = tree(data), {path.name for path in project.iterdir()}
    words = ["-f", exp(project), "--data", f"{data}/", "-c", "none", "seed", "3"]
    output = run(project, "tools/train.py", *words, "--json", project / "final.json", *REPORTED)
    assert tree(data) == before, "nothing is written into a data set"
    new = {path.name for path in project.iterdir()} - entries
    assert new <= {"runs", "final.json"}, "nor elsewhere than into the run's folder"
    return output
