"""Turn a run's best weights into the small file that the package ships.

python -m studies.pretrained runs/nano_ela_s -o yolox_ela/pretrained/nano_ela_s.pth

Weights are stored in half precision, BatchNorm's statistics in single. The file is written only if
both score the same on the run's test images, up to 0.2 points. A model card, README.md, is written
beside it.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.commands.data_of_weights import compare_with_run, data_of_weights
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.evaluate.scores import METRIC_TITLES, METRICS
from yolox_ela.images.values import ValueRange
from yolox_ela.input_size import InputSize
from yolox_ela.network.entries import OF_RUNS
from yolox_ela.network.starts import title_of_start
from yolox_ela.network.weights import load_trained
from yolox_ela.system.device import select_device
from yolox_ela.system.files import require_writable, write_atomically
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.trained import load_trained_file

KEPT = ("classes", "recipe", "value_range", *OF_RUNS)
TOLERANCE = 0.002  # of mean average precision, which few images make noisy
STATISTICS = ("running_mean", "running_var")


def main() -> int:
    args = parse_arguments()
    weights = args.run / "best.pth"
    trained = load_trained_file(weights)
    exp = trained.experiment
    content = trained.content | {"package_experiment": exp.package_name}
    if not exp.package_name:
        raise UserError(f"{weights} is not of one of the package's own experiments")
    require_writable(args.output)
    data = args.data or data_of_weights(weights, content, Path.cwd())
    if data is None:
        data = Path.cwd() / "datasets"
    split = load_split(data, exp.test_sets, exp.classes, ValueRange.recorded(content))
    compare_with_run(content, exp, split, data, weights, named=False)
    if args.images:
        split = split.subset(range(min(args.images, len(split))))
    small = args.output.with_name(f"{args.output.name}.new")
    save_checkpoint(small, in_half_precision(content))
    try:
        before, after = (mean_scores(path, split, args.device) for path in (weights, small))
        for metric in METRICS:
            print(f"{METRIC_TITLES[metric]}: {100 * before[metric]:.3f} in single precision, "
                  f"{100 * after[metric]:.3f} in half, {len(split)} images")  # fmt: skip
            if abs(before[metric] - after[metric]) > TOLERANCE:
                raise UserError(f"{weights}: half precision changes the scores; nothing is written")
        small.replace(args.output)
    finally:
        small.unlink(missing_ok=True)
    readme, text = args.output.with_name("README.md"), model_card(args.output.name, content)
    write_atomically(readme, lambda path: path.write_text(text, encoding="utf-8"))
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB; model card: {readme}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run's folder, with best.pth")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--data", type=Path, help="the run's data; default as the run recorded")
    parser.add_argument("--images", type=int, default=0, help="test images to compare on; 0: all")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def in_half_precision(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a run's checkpoint as the package ships it.

    Raises:
        UserError: a weight is too large for half precision, or an entry names a path.
    """
    kept = {name: content[name] for name in KEPT if name in content}
    for path in (text for text in texts_in(kept) if Path(text).is_absolute()):
        raise UserError(f"the weights name a path of this machine: {path}")
    state = {name: _halved(name, tensor) for name, tensor in content["model"].items()}
    return {"model": state, **kept}


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point() or name.endswith(STATISTICS):
        return tensor.clone()
    half = tensor.half()
    if not half.isfinite().all():
        raise UserError(f"{name} has values beyond half precision")
    return half


def texts_in(value: Any) -> list[str]:
    """All texts in nested lists and mappings."""
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in texts_in(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


def mean_scores(path: Path, split: VocSplit, device: str) -> dict[str, float]:
    """The mean average precisions of a file of weights on images; 0 if nothing counts there."""
    trained = load_trained_file(path)
    model = trained.experiment.build_model()
    load_trained(model, trained.state, path)
    place = select_device(device)
    settings = EvalSettings.of(trained.experiment)
    results, _ = evaluate(model.to(place), split, settings, device=place, workers=0)
    return {metric: results[metric] or 0.0 for metric in METRICS}


def model_card(file: str, content: Mapping[str, Any]) -> str:
    """A page on weights: what they are, how they came to be, what they score, what to beware of."""
    recipe = content["recipe"]
    trained, tested = " + ".join(recipe["train_sets"]), " + ".join(recipe["test_sets"])
    scores = "\n".join(
        f"| {METRIC_TITLES[metric]} | {100 * content['metrics'][metric]:.2f} |"
        for metric in METRICS
        if metric in content["metrics"]
    )
    evaluated = "The run was evaluated once, at its end"
    if recipe["eval_interval"] < recipe["epochs"]:
        evaluated = "The epoch was chosen by these scores, which flatters them"
    return f"""# {file}

Weights of the experiment `{content["package_experiment"]}` in half precision, for
`Detector.from_pretrained()` and for `yolox-ela predict` without `-c`.

- **Network**: YOLOX-Nano with attention, input {InputSize.of(recipe["image_size"])} px, {len(recipe["classes"])} classes: {", ".join(recipe["classes"])}.
- **Trained on**: Pascal VOC {trained}, {content["train_images"]:,} images, {recipe["epochs"]} epochs, learning rate {recipe["lr"]}, seed {recipe["seed"]}.
- **Started from**: {title_of_start(content["start"])}, SHA-256 of the tensors `{content["start_sha256"]}`.
- **Source commit**: `{content["commit"]}`.

Scores of the run's epoch {content["epoch"]} of {recipe["epochs"]} in single precision, on all images of {tested}. {evaluated}:

| metric | score in % |
|---|---|
{scores}

One seed: nothing is known of the spread between seeds. Small and crowded objects are often missed, and scores are no
probabilities. The photographs of VOC and COCO come from
flickr; whoever and whatever is rare there is detected less reliably. The weights have the licence of this package
(Apache-2.0), as YOLOX's weights that they started from.
"""  # noqa: E501


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
