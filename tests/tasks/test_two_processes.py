"""Two processes share each batch and the images to evaluate, and do what one process does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from shared_runs import run
from tiny_tasks import every_kind

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(data_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    script = Path(__file__).with_name("shared_runs.py")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    data = data_of["yolof"].parent
    done = subprocess.run(
        [sys.executable, *launch, str(script), str(data), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "noted.pth", weights_only=True)


@every_kind
def test_as_one_process(kind, two, data_of, tmp_path):
    """Also where the shares differ in pixels or matches; 9, 3 and 4 images are evaluated."""
    one = run(kind, data_of[kind].parent, tmp_path / "one")
    assert two[kind]["losses"] == pytest.approx(one["losses"], rel=1e-4)
    for name, tensor in one["network"].items():
        assert torch.allclose(two[kind]["network"][name], tensor, rtol=1e-3, atol=1e-5), name
    assert two[kind]["scores"] == pytest.approx(one["scores"], abs=1e-3)
    assert two[kind]["per_class"].keys() == one["per_class"].keys()
    for name, row in one["per_class"].items():
        count = next(key for key in ("images", "pixels", "objects") if key in row)
        assert two[kind]["per_class"][name][count] == row[count], "none counted twice"
