"""The dense loss equals upstream's loop, and the program never waits for the device."""

import pytest
import torch

from studies.speed.dispatch import count_dispatches
from yolox_ela.network.head import Head
from yolox_ela.network.loss.dense import dense_loss

NAMES = ("total", "iou", "objectness", "class", "l1", "anchors per object")
CROWD = [[i % 20, 4.0 + i % 8 * 8, 4.0 + i // 8 * 4, 9.0, 7.0] for i in range(128)]


def loss_of(case, l1=True):
    return dense_loss(case.raw, case.anchors, case.targets, l1=l1)


def require_same(case, loop_loss, l1=True):
    """Six equal numbers, and an equal gradient where upstream's is finite."""
    results = {}
    for loss in (loss_of, loop_loss):
        raw = case.raw.clone().requires_grad_()
        losses = loss(case._replace(raw=raw), l1)[: len(NAMES)]
        losses[0].backward()
        results[loss] = torch.stack([torch.as_tensor(x) for x in losses]).detach(), raw.grad
    (mine, my_gradient), (theirs, their_gradient) = results[loss_of], results[loop_loss]
    mine = dict(zip(NAMES, mine.tolist(), strict=True))
    assert mine == pytest.approx(dict(zip(NAMES, theirs.tolist(), strict=True)), nan_ok=True)
    finite = their_gradient.isfinite()
    torch.testing.assert_close(my_gradient[finite], their_gradient[finite])
    return mine, my_gradient


def test_number_of_foreground_anchors(build_case):
    """0 without objects, although the losses are divided by 1 then: processes add theirs up."""
    *_, per_object, number = loss_of(build_case([[], []]))
    assert (per_object, number) == (1, 0)
    *_, per_object, number = loss_of(build_case([[[3, 20, 20, 16, 16]], []]))
    assert number == per_object > 0


@pytest.mark.parametrize("l1", [False, True], ids=["no L1", "L1"])
@pytest.mark.parametrize("classes", [1, 3, 20, 80])
def test_random_objects(build_case, random_objects, loop_loss, first_of_ties, classes, l1):
    for seed, size in enumerate([(96, 160), (256, 256), (320, 64)]):
        images = [random_objects(n, size, classes, 10, 10 * seed + n) for n in (4, 0, 20)]
        case = build_case(images, size, classes, seed=seed)
        losses, _ = require_same(case, loop_loss, l1)
        assert (losses["l1"] > 0) == l1


@pytest.mark.parametrize(
    "images",
    [
        [[], []],
        [CROWD, [], CROWD[:3]],
        [[[i % 3, 50, 40, 30, 24] for i in range(12)]],
        [[[i, 20 * i + 3, 50, 0.3, 0.02] for i in range(7)]],
        [[[1, -90, 40, 300, 60]], [[2, 80, 700, 90, 2000]]],
    ],
    ids=["no objects", "crowd", "the same box", "smaller than a pixel", "centres outside"],
)
def test_hard_cases(build_case, loop_loss, first_of_ties, images):
    losses, gradient = require_same(build_case(images, (64, 64)), loop_loss)
    assert gradient.isfinite().all()
    assert losses["objectness"] > 0


def test_targets_without_rows(build_case, loop_loss):
    case = build_case([[], []])
    require_same(case._replace(targets=torch.zeros(2, 0, 5)), loop_loss)


def test_double_precision(build_case, random_objects, loop_loss):
    case = build_case([random_objects(9), random_objects(2)])
    require_same(case._replace(raw=case.raw.double()), loop_loss)


def test_huge_logits(build_case, random_objects, loop_loss, first_of_ties):
    case = build_case([random_objects(9), random_objects(2)])
    case.raw[..., 4:] = 1000 * case.raw[..., 4:].sign()
    require_same(case, loop_loss)


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 25)], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_broken_predictions_break_the_loss_as_upstreams(
    build_case, random_objects, loop_loss, first_of_ties, part, value
):
    case = build_case([random_objects(12), random_objects(4, seed=1), []])
    case.raw[..., part] = value
    losses, _ = require_same(case, loop_loss)
    if value != value:
        assert losses["total"] != losses["total"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e4])
def test_broken_background_does_no_harm(build_case, value):
    """A box or class that overflowed far from all objects; upstream's gradient becomes NaN."""
    case = build_case([[[3, 20, 20, 16, 16], [4, 50, 60, 40, 30]], []])
    far = case.anchors.cells[:, 0] * case.anchors.strides[:, 0] > 110
    results = []
    for number in (0.0, value):
        raw = case.raw.clone()
        raw[:, far, :4] = number
        raw[:, far, 5:] = number
        losses = loss_of(case._replace(raw=raw.requires_grad_()))
        losses[0].backward()
        results.append((*losses, raw.grad))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)


# Through the head


def head_and_maps(l1=True, device="cpu", batch=2):
    torch.manual_seed(0)
    with torch.device(device):
        head = Head(20, width=0.25, depthwise=True).train()
        head.initialize_biases(1e-2)
        maps = [
            torch.randn(batch, channels, 64 // stride, 96 // stride, requires_grad=True)
            for channels, stride in ((64, 8), (128, 16), (256, 32))
        ]
    head.use_l1 = l1
    return head, maps


def some_objects(count=3, batch=2):
    rows = [[i % 20, 10.0 + 9 * i, 30.0, 20.0 + i, 16.0] for i in range(count)]
    return torch.tensor([rows] * batch)


@pytest.mark.parametrize("l1", [False, True], ids=["no L1", "L1"])
def test_head_learns_the_same(l1):
    """The whole head: losses, and gradients of its weights and of its maps."""
    gradients, losses = [], []
    for dense in (False, True):
        head, maps = head_and_maps(l1)
        head.dense = dense
        results = head(maps, some_objects())
        results[0].backward()
        losses.append(torch.stack([torch.as_tensor(x) for x in results]).tolist())
        gradients.append([x.grad for x in [*maps, *head.parameters()]])
    assert losses[1] == pytest.approx(losses[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def watched(head, maps, targets):
    return count_dispatches(lambda: head(maps, targets)[0].backward())


def test_loss_never_waits_for_the_device():
    """Neither reads a number, nor has a shape that depends on the data."""
    head, maps = head_and_maps()
    head.dense = True
    assert watched(head, maps, some_objects()).waits == {}
    head.dense = False
    waits = set(watched(head, maps, some_objects()).waits)
    assert {"aten._local_scalar_dense", "aten.index"} <= waits, "the watch is blind"


def test_devices_get_the_dense_loss():
    """On a device that has no numbers to read, and nothing is copied there from the CPU."""
    head, maps = head_and_maps(device="meta")
    targets = torch.zeros(2, 3, 5, device="meta")
    assert watched(head, maps, targets).waits == {}
    assert maps[0].grad.device.type == "meta"
    head.dense = False
    with pytest.raises((RuntimeError, NotImplementedError)):
        head(maps, targets)


def test_work_is_not_cut_by_images_or_objects():
    head, maps = head_and_maps()
    head.dense = True
    count = watched(head, maps, some_objects()).operators.total()
    head, maps = head_and_maps(batch=7)
    head.dense = True
    assert watched(head, maps, some_objects(40, batch=7)).operators.total() == count


def test_the_cpu_keeps_the_loop():
    head, maps = head_and_maps()
    assert watched(head, maps, some_objects()).waits


def test_compiles_without_a_break(build_case, random_objects):
    case = build_case([random_objects(5), []])
    compiled = torch.compile(dense_loss, backend="eager", fullgraph=True)
    raw = case.raw.requires_grad_()
    losses, expected = (f(raw, case.anchors, case.targets, l1=True) for f in (compiled, dense_loss))
    torch.testing.assert_close(losses, expected)
    gradients = [torch.autograd.grad(x[0], raw)[0] for x in (losses, expected)]
    torch.testing.assert_close(*gradients)
