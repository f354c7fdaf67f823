"""The names that a user can choose from, apart from what they stand for.

The command line needs the names alone, and imports nothing heavy for them.
"""

# Weights to start from, `-c NAME`; see `network/starts.py`.
DEFAULT_START, LEGACY_START = "coco", "coco_legacy"
START_NAMES = (DEFAULT_START, LEGACY_START)
# The package's own weights, which `predict` uses unless others are given; see `pretrained/`.
DETECTOR = "nano_ela_s"
# What counts as a detection unless something else is asked for: the lowest score, and the overlap
# (IoU) above which NMS drops the lower score.
SCORE_THRESHOLD, NMS_IOU = 0.3, 0.45
# Where decoded images are kept, `--cache`; see `augment/bank.py`.
CACHES = ("auto", "ram", "disk", "off")
# Where training samples are rendered, `--augment`; see `augment/feed.py`.
AUGMENTS = ("auto", "cpu", "device")
# The number formats that evaluation computes in, `--precision`; see `network/inference.py`.
PRECISION_NAMES = ("fp32", "bf16", "fp16")
# Those of training, `--precision`; the recipe's field has the same.
TRAINING_PRECISIONS = ("fp32", "fp16", "bf16")
# Those whose speed is measured; see `tables/speed.py`.
SPEED_PRECISIONS = ("fp32", "bf16")
# How a network is run while its speed is measured, `--mode`.
MODES = {
    "eager": "the network as it is trained",
    "fused": "BatchNorm folded into the convolutions, channels last",
    "compiled": "the same through torch.compile",
}
# The paper's other networks, which `table complexity --host` counts; see `hosts/`.
HOSTS = ("resnet18", "resnet50", "resnet101", "mobilenet_v2", "yolof", "deeplabv3")
ECA_NETS_DETECTORS = ("faster_rcnn", "mask_rcnn", "retinanet")  # which it counts, too
# How a table looks, `--style`; JSON has an option of its own.
STYLES = ("text", "markdown", "csv")
# What `predict` writes, `--save`; see `predict/output.py`.
PREDICT_OUTPUTS = ("pictures", "json", "coco", "csv", "yolo", "voc", "crops")
# Threads of a process; more would be a typing error, and take the machine's memory.
MOST_THREADS = 1024
# How maps of what raises a score are computed, `--method`; see `explain/cam.py`.
CAM_METHODS = ("layercam", "gradcam")
# The same network with constants in place of its attention, `--beside`; see `explain/networks.py`.
WITHOUT_POSITIONS, WITHOUT_ATTENTION = "without-positions", "without-attention"
