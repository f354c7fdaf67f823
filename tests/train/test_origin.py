"""What a run's files say of where its weights come from."""

from yolox_ela.experiment import Experiment
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder


def test_a_resumed_run_knows_what_it_started_from(tmp_path, tiny_recipe, tiny_splits):
    model = Experiment().build_model()
    accelerator = build_accelerator("cpu", tiny_recipe.precision)
    folder = RunFolder(tmp_path)
    task = Detection(tiny_recipe, *tiny_splits, accelerator)
    words = (tiny_recipe, model, task, folder, accelerator)
    digest = "ab" * 32
    Training(*words, start="theirs.pth", start_sha256=digest).save_state()
    resumed = Training(*words)
    resumed.resume()
    assert (resumed.origin.start, resumed.origin.start_sha256) == ("theirs.pth", digest)
