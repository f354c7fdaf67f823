"""What the paper (arXiv 2403.01123) prints in Tables 2, 4, 5, 6 and 8, and the module of each row.

Numbers are the printed digits: parameters and thop's multiply-adds in 10^6 and 10^9 (MobileNetV2:
10^6), which the paper calls MB, M, GFLOPs and MFLOPs. A row is labelled as in the paper; where its
numbers are those of another module, the reason says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from yolox_ela.attention import CA, CBAM, ECA, ELA, SA, SE, CAGroupNorm, ela_b, ela_l, ela_s, ela_t
from yolox_ela.attention.insertion import Build
from yolox_ela.hosts.released_ca import ReleasedCA


@dataclass(frozen=True)
class PrintedRow:
    """One row of a table.

    Attributes:
        host: one of `choices.HOSTS`.
        table: the table's number.
        method: the row's label.
        build: builds the module that the label means; None for the network without attention.
        parameters: the printed number of parameters, in 10^6.
        macs: the printed number of operations, in 10^9 (MobileNetV2: 10^6); None where the table
            has none.
        reason: why the counts of this module differ from the printed ones; empty if they agree.
    """

    host: str
    table: int
    method: str
    build: Build | None
    parameters: str
    macs: str | None = None
    reason: str = ""


def grouped(kernel_size: int, num_groups: int) -> Build:
    """ELA with 8 channels a filter, "g8" in Table 4."""
    return lambda channels: ELA(
        channels, kernel_size=kernel_size, groups=channels // 8, num_groups=num_groups
    )


def depthwise(kernel_size: int, num_groups: int) -> Build:
    """ELA with one channel a filter, "g" in Table 4."""
    return lambda channels: ELA(
        channels, kernel_size=kernel_size, groups=channels, num_groups=num_groups
    )


def rounded_down(module: Callable[..., nn.Module], reduction: int) -> Build:
    """SE or CBAM whose hidden width is rounded down, as MobileNetV2's 144 channels need."""
    return lambda channels: module(channels, reduction=channels // (channels // reduction))


def ca(reduction: int) -> Build:
    """CA as in most of the paper's networks."""
    return partial(CA, reduction=reduction)


def ca_gn(reduction: int) -> Build:
    """CA with GroupNorm; the counts need a smallest width of 8."""
    return partial(CAGroupNorm, reduction=reduction, min_width=8)


def released_ca(reduction: int) -> Build:
    """CA as in MobileNetV2."""
    return partial(ReleasedCA, reduction=reduction)


SE_32, CBAM_32, SA_32 = (
    partial(SE, reduction=32),
    partial(CBAM, reduction=32),
    partial(SA, groups=32),
)
NORM_ALONE = (
    "a depthwise 7-tap convolution adds 7 x 3,904 = 27,328; the printed difference is 2 x 3,904 = "
    "7,808, that of the GroupNorm alone"
)
DOUBLE_ROUNDING = 'thop prints "3.505M", which was rounded again to 3.51'

R18, R50, R101 = "resnet18", "resnet50", "resnet101"
MOBILE, YOLOF, DEEPLAB = "mobilenet_v2", "yolof", "deeplabv3"

ROWS = (
    PrintedRow(R18, 2, "baseline", None, "11.690", "1.824"),
    PrintedRow(R18, 2, "CA(r=32)", ca(32), "11.788", "1.825"),
    PrintedRow(R18, 2, "CA(r=24)", ca(24), "11.816", "1.826"),
    PrintedRow(R18, 2, "CA(r=16)", ca(16), "11.886", "1.827"),
    PrintedRow(R18, 2, "CA_gn(r=32)", ca_gn(32), "11.795", "1.826"),
    PrintedRow(R18, 2, "CA_gn(r=24)", ca_gn(24), "11.826", "1.826", "one digit: 11.823"),
    PrintedRow(R18, 2, "CA_gn(r=16)", ca_gn(16), "11.888", "1.827"),
    PrintedRow(R18, 4, "baseline", None, "11.690", "1.824"),
    PrintedRow(R18, 4, "ELA-k7-g8-ng16(L)", grouped(7, 16), "11.851", "1.830"),
    PrintedRow(R18, 4, "ELA-k7-g-ng16(B)", depthwise(7, 16), "11.710", "1.825"),
    PrintedRow(R18, 4, "ELA-k7-g8-ng32", grouped(7, 32), "11.851", "1.830"),
    PrintedRow(R18, 4, "ELA-k7-g-ng32", depthwise(7, 32), "11.710", "1.825"),
    PrintedRow(R18, 4, "ELA-k5-g8-ng16(S)", grouped(5, 16), "11.805", "1.828"),
    PrintedRow(R18, 4, "ELA-k5-g-ng16", depthwise(5, 16), "11.704", "1.825"),
    PrintedRow(R18, 4, "ELA-k5-g8-ng32(T)", grouped(5, 32), "11.805", "1.828"),
    PrintedRow(R18, 4, "ELA-k5-g-ng32", depthwise(5, 32), "11.704", "1.825"),
    PrintedRow(R18, 5, "baseline", None, "11.690", "1.824"),
    PrintedRow(
        R18,
        5,
        "CA",
        ca(32),
        "11.886",
        "1.827",
        "both counts are those of r = 16, while the accuracy is that of r = 32 in Table 2",
    ),
    PrintedRow(R18, 5, "ECA", ECA, "11.690", "1.826"),
    PrintedRow(R18, 5, "SE", SE_32, "11.755", "1.826"),
    PrintedRow(R18, 5, "CBAM", CBAM_32, "11.756", "1.829"),
    PrintedRow(R18, 5, "SA", SA_32, "11.690", "1.825"),
    PrintedRow(R18, 5, "ELA-T", ela_t, "11.704", "1.825"),
    PrintedRow(R18, 5, "ELA-B", ela_b, "11.710", "1.825"),
    PrintedRow(R50, 2, "baseline", None, "25.557", "4.134"),
    PrintedRow(R50, 2, "CA(r=32)", ca(32), "26.080", "4.141"),
    PrintedRow(R50, 2, "CA(r=24)", ca(24), "26.249", "4.143"),
    PrintedRow(R50, 2, "CA(r=16)", ca(16), "26.603", "4.148"),
    PrintedRow(R50, 4, "baseline", None, "25.557", "4.134"),
    PrintedRow(R50, 4, "ELA-k5-g8-ng32", grouped(5, 32), "25.713", "4.139"),
    PrintedRow(R50, 4, "ELA-k5-g8-ng16(S)", grouped(5, 16), "25.713", "4.139"),
    PrintedRow(R50, 4, "ELA-k7-g8-ng32", grouped(7, 32), "25.776", "4.141"),
    PrintedRow(R50, 4, "ELA-k7-g-ng16(B)", depthwise(7, 16), "25.565", "4.135", NORM_ALONE),
    PrintedRow(R50, 4, "ELA-k7-g8-ng16(L)", grouped(7, 16), "25.776", "4.141"),
    PrintedRow(R50, 5, "baseline", None, "25.557", "4.134"),
    PrintedRow(R50, 5, "CA", ca(32), "26.080", "4.141"),
    PrintedRow(R50, 5, "ECA", ECA, "25.557", "4.136"),
    PrintedRow(R50, 5, "SE", SE_32, "25.905", "4.136"),
    PrintedRow(R50, 5, "CBAM", CBAM_32, "25.906", "4.138"),
    PrintedRow(R50, 5, "SA", SA_32, "25.557", "4.135"),
    PrintedRow(R50, 5, "ELA-S", ela_s, "25.713", "4.139"),
    PrintedRow(R50, 5, "ELA-B", ela_b, "25.565", "4.135", NORM_ALONE),
    PrintedRow(R101, 5, "baseline", None, "44.549", "7.866"),
    PrintedRow(R101, 5, "CA", ca(32), "45.595", "7.880", "both counts are those of r = 16"),
    PrintedRow(
        R101,
        5,
        "ELA-B",
        ela_b,
        "44.705",
        "7.871",
        "both counts are those of ELA-S, whose 7.8716 is printed as 7.871",
    ),
    PrintedRow(R101, 5, "ELA-S", ela_s, "44.768", "7.874", "both counts are those of ELA-L"),
    PrintedRow(
        MOBILE,
        5,
        "baseline",
        None,
        "3.50",
        "327.56",
        "one digit: 327.55, which every row with attention fits",
    ),
    PrintedRow(MOBILE, 5, "CA(r=32)", released_ca(32), "3.95", "337.46"),
    PrintedRow(MOBILE, 5, "CA(r=24)", released_ca(24), "4.09", "339.10"),
    PrintedRow(MOBILE, 5, "CA(r=16)", released_ca(16), "4.37", "342.63", "one digit: 342.64"),
    PrintedRow(MOBILE, 5, "ECA", ECA, "3.51", "329.49", DOUBLE_ROUNDING),
    PrintedRow(MOBILE, 5, "SE", rounded_down(SE, 32), "3.79", "329.74"),
    PrintedRow(MOBILE, 5, "SA", partial(SA, groups=8), "3.51", "328.50", DOUBLE_ROUNDING),
    PrintedRow(MOBILE, 5, "CBAM", rounded_down(CBAM, 32), "3.79", "331.02"),
    PrintedRow(MOBILE, 5, "ELA-S", ela_s, "3.79", "334.97"),
    PrintedRow(MOBILE, 5, "ELA-L", ela_l, "3.90", "337.94"),
    PrintedRow(YOLOF, 6, "baseline", None, "44.11"),
    PrintedRow(YOLOF, 6, "CA", ca(32), "44.60"),
    PrintedRow(YOLOF, 6, "ELA-L", ela_l, "44.34"),
    PrintedRow(DEEPLAB, 8, "baseline", None, "39.639"),
    PrintedRow(DEEPLAB, 8, "SE", partial(SE, reduction=16), "39.796"),
    PrintedRow(DEEPLAB, 8, "CA", ca(16), "39.875"),
    PrintedRow(DEEPLAB, 8, "CBAM", CBAM_32, "39.719"),
    PrintedRow(
        DEEPLAB,
        8,
        "ECA",
        ECA,
        "39.642",
        None,
        "no ECA gives it: with the adaptive kernel, the 16 modules add 74 parameters",
    ),
    PrintedRow(
        DEEPLAB,
        8,
        "SA",
        SA_32,
        "39.642",
        None,
        "thop counts none of SA's parameters; only G = 4 with all of them gives 39.642",
    ),
    PrintedRow(DEEPLAB, 8, "ELA-S", ela_s, "39.790"),
)
