"""Pack what a machine needs, run a job there, and collect what it found.

python -m studies.gpu pack --data VOCdevkit --cache downloads --wheels wheels -o parts
python -m studies.gpu call check --parts parts/part_00 --minutes 9 --out out
python -m studies.gpu collect out -o runs/gpu
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from studies.gpu.jobs import JOBS, Place, run
from studies.gpu.parcel import unwrap, wrap
from studies.gpu.parts import MIB, pack, receive

CHECKOUT = Path(__file__).resolve().parents[2]
WORK = Path(tempfile.gettempdir()) / "yolox_ela_gpu"  # what a call leaves for the next one


def main() -> int:
    """Run a subcommand; its errors end the program with one line."""
    args = _parser().parse_args()
    try:
        status: int = args.run(args)
        return status
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _pack(args: argparse.Namespace) -> int:
    given = {
        "wheels": args.wheels,
        "cache": args.cache,
        "results": args.results,
        "data": args.data,
    }
    sources = {name: path for name, path in given.items() if path}
    parts = pack(sources, args.output, int(args.part_mib * MIB))
    for part in parts:
        print(part)
    return 0


def _call(args: argparse.Namespace) -> int:
    missing = receive(args.parts, args.work)
    wheels = sorted((args.work / "wheels").glob("*.whl"))
    if wheels and not (args.work / "site").exists():
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
        install += ["--no-compile", "--target", str(args.work / "site"), *map(str, wheels)]
        subprocess.run(install, check=True)
    if missing:
        print(f"{missing} parts are still to come")
    if args.job != "receive":
        if missing and not args.incomplete:
            raise ValueError(
                f"{args.job} needs all parts: send them with `call receive`, or add --incomplete "
                "for steps that need no data"
            )
        options = [word for text in args.options for word in text.split()]
        place = Place(args.work, args.device, args.fields, options, args.quick)
        run(args.job, place, 60 * args.minutes, checkout=CHECKOUT, words=args.step)
    if args.out:
        for name in wrap(args.work / "results", args.out):
            print(f"did not fit into the files that go back: {name}")
    return 0


def _collect(args: argparse.Namespace) -> int:
    for name in unwrap(args.returned, args.output):
        print(args.output / name)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studies.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write parts that a command can take along")
    packing.add_argument("--data", type=Path, help="data set")
    packing.add_argument("--cache", type=Path, help="downloads by their names in the cache")
    packing.add_argument("--wheels", type=Path, help="folder of wheels that the machine lacks")
    packing.add_argument("--results", type=Path, help="collected results, so that runs go on")
    packing.add_argument("--part-mib", type=float, default=40, help="size of a part (default: 40)")
    packing.add_argument("-o", "--output", type=Path, required=True, help="folder of the parts")
    packing.set_defaults(run=_pack)

    calling = commands.add_parser("call", help="receive parts and run a job; on the machine")
    calling.add_argument("job", choices=("receive", *JOBS), help="receive: only unpack the parts")
    calling.add_argument("--parts", type=Path, nargs="*", default=[], help="folders of parts")
    calling.add_argument("--work", type=Path, default=WORK, help=f"default: {WORK}")
    calling.add_argument("--out", type=Path, help="folder of the files that go back")
    calling.add_argument("--minutes", type=float, default=9, help="for the job (default: 9)")
    calling.add_argument("--device", default="cuda", help="as for train (default: cuda)")
    calling.add_argument("--step", nargs="+", default=[], help="only these steps of the job")
    calling.add_argument("--fields", nargs="+", default=[], help="recipe fields for check's runs")
    calling.add_argument(
        "--options", nargs="+", default=[], help="options for speed, in quotes: '--rounds 2'"
    )
    calling.add_argument("--quick", action="store_true", help="only try the study")
    calling.add_argument("--incomplete", action="store_true", help="run though parts are missing")
    calling.set_defaults(run=_call)

    collecting = commands.add_parser("collect", help="unpack what came back")
    collecting.add_argument("returned", type=Path, help="folder of the files that came back")
    collecting.add_argument("-o", "--output", type=Path, required=True, help="folder of results")
    collecting.set_defaults(run=_collect)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
