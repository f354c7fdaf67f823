"""Reading a data set in whatever format as `eval --data` does."""

from yolox_ela.commands.data_settings import fitted_to_data
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.recognise import open_data
from yolox_ela.experiment import Experiment


def evaluated(path):
    """The split that `eval --data path` evaluates on, and what was found wrong with it."""
    reader = open_data(path)
    exp = fitted_to_data(Experiment(), reader, training=False)
    problems = check_dataset(reader, exp.test_sets, exp.classes).problems
    return load_split(reader, exp.test_sets, exp.classes), problems
