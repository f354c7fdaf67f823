"""The scores that a run would have had with another `start_share`, from its last weights.

python studies/tuning/shares.py -f exps/nano.py -c yolox_nano.pth --run runs/nano --data DEV
"""

import argparse
from pathlib import Path

from yolox_ela.commands.entry import run
from yolox_ela.commands.options import add_overrides, tool_parser
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.experiment import load_experiment
from yolox_ela.network.class_rows import pick_rows, row_names
from yolox_ela.network.weights import load_trained, read_checkpoint, state_dict_of
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.system.device import select_device
from yolox_ela.train.ema import mix_in
from yolox_ela.train.progress import headline, score_text
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.start import load_start

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> int:
    """Evaluate the last weights of a run, mixed with those that it started from."""
    args = parse_arguments()
    last = RunFolder(args.run).last
    content = read_checkpoint(last)
    recipe = {k: tuple(v) if isinstance(v, list) else v for k, v in content["recipe"].items()}
    exp = override(
        override(load_experiment(args.experiment), recipe), pairs_to_dict(args.overrides)
    )
    if recipe.get("start_share"):
        raise UserError(f"{last} has a share of its start already")
    network = exp.build_model()
    load_start(exp, network, args.checkpoint)
    device = select_device(args.device)
    network.to(device)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    split = load_split(args.data, exp.test_sets, exp.classes)
    state = state_dict_of(content, last)
    names = row_names(content, state, exp.classes, last)
    trained = pick_rows(state, names, exp.classes, last)
    for share in SHARES:
        load_trained(network, trained, last)
        mix_in(network, start, share)
        results, _ = evaluate(
            network, split, EvalSettings.of(exp), device=device, workers=exp.workers
        )
        print(
            f"{share:.2f} of the start: {score_text(headline(results), split.headline)}", flush=True
        )
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line; data and weights are not downloaded here."""
    parser = tool_parser(__doc__.splitlines()[0])
    parser.add_argument("-c", "--checkpoint", type=Path, required=True, help="what it started from")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--data", type=Path, required=True, help="VOCdevkit-layout folder")
    add_overrides(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
