"""What the paper prints (arXiv 2403.01123, Tables 3 and 7): VOC2007, YOLOX-Nano, 640 x 640."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """One method's numbers as printed.

    Args:
        map: the mean AP in percent, by the authors' own split and protocol.
        params_mib: parameters x 4 bytes / 2^20, two decimals; the paper calls it MB.
        gmacs: the multiply-adds in 1e9 as thop counts them, three decimals; the paper calls it
            GFLOPs.
        fps: images per second on the authors' machine, in Table 7 only.
    """

    map: float
    params_mib: float
    gmacs: float
    fps: float | None = None


PAPER = {  # by experiment
    "nano": PaperRow(73.26, 3.43, 1.285, 82.87),
    "nano_se": PaperRow(73.58, 3.55, 1.287, 77.28),
    "nano_cbam": PaperRow(73.80, 3.56, 1.289, 69.30),
    "nano_eca": PaperRow(73.38, 3.44, 1.287, 77.73),
    "nano_sa": PaperRow(73.35, 3.44, 1.286, 74.60),
    "nano_ca_r16": PaperRow(72.62, 3.61, 1.287),
    "nano_ca_r24": PaperRow(71.57, 3.55, 1.286),
    # Table 3 prints 72.53 and Table 7, where CA has the size of r = 32, prints r = 16's 72.62.
    "nano_ca_r32": PaperRow(72.53, 3.52, 1.286, 70.80),
    "nano_ca_gn_r16": PaperRow(73.77, 3.62, 1.287),
    "nano_ca_gn_r24": PaperRow(73.30, 3.56, 1.286),
    "nano_ca_gn_r32": PaperRow(73.96, 3.52, 1.286),
    "nano_ela_s": PaperRow(74.36, 3.50, 1.285, 75.68),
}

# The one row of Table 7 that its own definitions do not give.
ELA_S_SIZE = (
    "ELA-S: the paper prints 3.50 MiB and 1.285 GMACs, which its own definition of ELA-S (section "
    "3.3: kernel 5, 8 channels a filter) cannot give at these seven sites, while depthwise 5-tap "
    "filters with a pair of convolution and norm for each axis give 3.50 and 1.285; the definition "
    "is followed here."
)
