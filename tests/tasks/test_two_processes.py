"""Two processes share each batch and the images to evaluate, and do what one process does."""

import pytest
import torch
from forked import in_two_processes
from shared_runs import run, run_all
from tiny_tasks import every_kind

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(data_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    in_two_processes(lambda: run_all(data_of["yolof"].parent, folder))
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
