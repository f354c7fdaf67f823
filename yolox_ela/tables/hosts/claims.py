"""What the texts of the paper and of ECA-Net claim about size and cost, beside what is counted."""

from functools import partial
from typing import Any

import torch

from yolox_ela.attention import CA, ECA, ela_b, ela_l
from yolox_ela.attention.eca import adaptive_kernel_size
from yolox_ela.attention.insertion import Build
from yolox_ela.hosts.released_ca import ReleasedCA
from yolox_ela.hosts.sites import sites
from yolox_ela.network.model import build_yolox
from yolox_ela.tables.hosts.counts import count_host
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.paper import PAPER

VOC_CLASSES = 20
# ECA-Net's kernels by the channels of a stage, as in the file name of its weights, "k3557".
ECA_KERNELS = {256: 3, 512: 5, 1024: 5, 2048: 7}
# Accuracies that the ELA paper prints in Table 5, for MobileNetV2.
MOBILE_TOP1, MOBILE_ELA_S_TOP1, MOBILE_ELA_L_TOP1 = 69.52, 71.52, 71.91

YES, NO, NOT_REPRODUCED = "yes", "NO", "not reproduced"


def claims_table() -> Table:
    """Each claim with what it says, what is counted, and whether it holds."""
    rows = [*_elas_claims(), *_eca_nets_claims()]
    columns = [
        Column("source", "source"),
        Column("claim", "claim"),
        Column("says", "says"),
        Column("counted", "counted"),
        Column("holds", "holds"),
    ]
    notes = [
        "ELA: arXiv 2403.01123; ECA-Net: arXiv 1910.03151, whose M and G are 2^20 and 2^30. "
        'ELA, section 4.2, says that attention is in every "BasicBlock or BottleBlock"; the counts '
        "say so of ResNet-18 alone.",
    ]
    return Table("Claims about size and cost", columns, rows, notes)


def _elas_claims() -> list[dict[str, Any]]:
    ela, ca = _nano_parameters(ela_l), _nano_parameters(partial(CA, reduction=32))
    base, with_b = count_host("resnet50", None), count_host("resnet50", ela_b)
    added = 100 * (with_b.thop_parameters / base.thop_parameters - 1)
    mobile = count_host("mobilenet_v2", None).thop_parameters
    ca_16 = count_host("mobilenet_v2", partial(ReleasedCA, reduction=16)).thop_parameters
    more = 100 * (ca_16 / mobile - 1)
    lost = PAPER["nano"].map - PAPER["nano_ca_r24"].map
    gained_s, gained_l = (top1 - MOBILE_TOP1 for top1 in (MOBILE_ELA_S_TOP1, MOBILE_ELA_L_TOP1))
    return [
        _row(
            "ELA",
            "ELA has fewer parameters than CA, on YOLOX-Nano",
            "ELA < CA",
            f"ELA-L {ela:,}, CA (r=32) {ca:,}",
            ela < ca,
        ),
        _row(
            "ELA, 4.2",
            "what ELA-B adds to ResNet-50's parameters",
            "0.03 %",
            f"{added:.2f} %",
            f"{added:.2f}" == "0.03",
        ),
        _row(
            "ELA, 4.2",
            "what CA (r=16) adds to MobileNetV2's parameters",
            "over 35 %",
            f"{more:.0f} %",
            more > 35,
        ),
        _row(
            "ELA, 4.2",
            "what ELA-S adds to MobileNetV2's top-1",
            "2.39",
            f"{gained_s:.2f} in Table 5; {gained_l:.2f} is ELA-L's",
            f"{gained_s:.2f}" == "2.39",
        ),
        _row(
            "ELA, 3.1.2",
            "what CA (r=24) loses on YOLOX-Nano",
            "1.57",
            f"{lost:.2f} in Table 3",
            f"{lost:.2f}" == "1.57",
        ),
    ]


def _eca_nets_claims() -> list[dict[str, Any]]:
    def by_stage(channels: int) -> ECA:
        return ECA(channels, kernel_size=ECA_KERNELS[channels])

    base = count_host("resnet50", None)
    stated, adaptive = (count_host("resnet50", build, "eca_resnet50") for build in (by_stage, ECA))
    added = stated.parameters - base.parameters
    by_rule = adaptive.parameters - base.parameters
    mega, giga = stated.parameters / 2**20, base.macs / 2**30
    channels = _channels_of_bottlenecks()
    convs = sum(c * ECA_KERNELS[c] for c in channels) / 2**30
    convs_by_rule = sum(c * adaptive_kernel_size(c) for c in channels) / 2**30
    with_pools = (stated.macs - base.macs) / 2**30
    return [
        _row("ECA-Net", "parameters that ECA adds to ResNet-50, k = 3, 5, 5, 7 by stage", "80",
             str(added), added == 80),
        _row("ECA-Net", "the same with k by its own rule", "80", str(by_rule), by_rule == 80),
        _row("ECA-Net", "parameters of ECA-ResNet-50", "24.37M", f"{mega:.2f}M",
             f"{mega:.2f}" == "24.37"),
        _row("ECA-Net", "multiply-adds of ResNet-50", "3.86G",
             f"{giga:.2f}G; thop of early 2019 counted {4_142_713_856 / 2**30:.2f}G",
             f"{giga:.2f}" == "3.86"),
        _row("ECA-Net", "multiply-adds that ECA adds", "4.7e-4G",
             f"{convs:.1e}G by its convolutions (by its own rule {convs_by_rule:.1e}G), "
             f"{with_pools:.1e}G with its means", None),
    ]  # fmt: skip


def _row(source: str, claim: str, says: str, counted: str, holds: bool | None) -> dict[str, Any]:
    verdict = NOT_REPRODUCED if holds is None else YES if holds else NO
    return {"source": source, "claim": claim, "says": says, "counted": counted, "holds": verdict}


def _nano_parameters(build: Build) -> int:
    with torch.device("meta"):
        model = build_yolox(VOC_CLASSES, build)
    return sum(parameter.numel() for parameter in model.parameters())


def _channels_of_bottlenecks() -> list[int]:
    """The channels at each of ECA-Net's sites in ResNet-50."""
    by_stage = dict(zip(("layer1", "layer2", "layer3", "layer4"), ECA_KERNELS, strict=True))
    return [by_stage[str(site).partition(".")[0]] for site in sites("eca_resnet50")]
