"""The gates that a report shows are those that the network multiplies by."""

import numpy as np
import pytest
import torch

from yolox_ela.attention import SE, ela_s, ela_t
from yolox_ela.images.letterbox import letterbox
from yolox_ela.report.gate_values import SiteGates, gate_statistics, photograph_gates
from yolox_ela.sizes import site_channels

SITES = site_channels("nano")

SIZE = 64


def photograph(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_gates_are_what_the_network_multiplies_by(gated_network):
    model, image = gated_network(ela_s), photograph(SIZE, SIZE)
    seen = {}

    def remember(site, inputs, output):
        seen[site] = inputs[0][0].numpy(), output[0].numpy()

    hooks = [
        module.register_forward_hook(lambda _, x, y, site=site: remember(site, x, y))
        for site, module in model.backbone.attention.items()
    ]
    batch = torch.from_numpy(letterbox(image, SIZE)[0]).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        model(batch)
    for hook in hooks:
        hook.remove()
    found = photograph_gates(model, image, SIZE)
    assert list(found) == list(seen) == list(SITES)
    for site, gates in found.items():
        x, output = seen[site]
        assert output.std() > 0.01
        assert gates.rows.std(axis=1).max() > 0.01
        product = x * gates.rows[:, :, None] * gates.columns[:, None, :]
        np.testing.assert_allclose(product, output, rtol=1e-4, atol=1e-6)


def test_shared_modules_are_told_apart_by_site(gated_network):
    shared, separate = gated_network(ela_t, share_sites=True), gated_network(ela_t)
    separate.load_state_dict(shared.state_dict(), strict=False)
    for site, channels in SITES.items():
        module = shared.backbone.attention[f"width{channels}"]
        separate.backbone.attention[site].load_state_dict(module.state_dict())
    image = photograph(40, SIZE)
    expected = photograph_gates(separate, image, SIZE)
    found = photograph_gates(shared, image, SIZE)
    assert list(found) == list(SITES)
    for site, gates in found.items():
        np.testing.assert_allclose(gates.rows, expected[site].rows, rtol=1e-5)
        np.testing.assert_allclose(gates.columns, expected[site].columns, rtol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [(128, 128, 8, 8), (128, 64, 8, 4), (64, 128, 4, 8), (70, 128, 5, 8)],  # stride 8
)
def test_the_grey_of_the_letterbox_is_left_out(gated_network, height, width, rows, columns):
    gates = photograph_gates(gated_network(ela_t), photograph(height, width), SIZE)["dark3"]
    assert gates.rows.shape == (64, rows)
    assert gates.columns.shape == (64, columns)
    assert gates.cell == 16  # 8 pixels of the input, which is half as large


def test_a_rectangular_input(gated_network):
    """A photograph of 128 x 128 fits into 64 x 96 at half its size, with grey to its right."""
    gates = photograph_gates(gated_network(ela_t), photograph(128, 128), (64, 96))["dark3"]
    assert gates.rows.shape == (64, 8)
    assert gates.columns.shape == (64, 8)
    assert gates.cell == 16
    wide = photograph_gates(gated_network(ela_t), photograph(128, 192), (64, 96))["dark4"]
    assert (wide.rows.shape, wide.columns.shape, wide.cell) == ((128, 4), (128, 6), 32)


def test_looking_leaves_the_network_as_it_was(gated_network):
    model = gated_network(ela_t).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    photograph_gates(model, photograph(SIZE, SIZE), SIZE)
    assert model.training
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_maps_are_the_product_of_rows_and_columns():
    rows = np.array([[0.5, 1.0], [0.2, 0.2]], np.float32)
    columns = np.array([[0.4, 0.8, 0.0], [0.5, 0.5, 0.5]], np.float32)
    gates = SiteGates(rows, columns, 8.0)
    strongest = [[0.2, 0.4, 0.0], [0.4, 0.8, 0.0]]
    np.testing.assert_allclose(gates.strongest_map(), strongest, rtol=1e-6)
    np.testing.assert_allclose(gates.mean_map(), (np.array(strongest) + 0.1) / 2, rtol=1e-6)


def test_statistics_are_over_channels_positions_and_photographs():
    flat = np.full((2, 10), 0.05, np.float32)
    half = np.tile(np.array([0.95, 0.55], np.float32), (2, 5))
    observed = [{"dark3": SiteGates(flat, half, 8)}, {"dark3": SiteGates(half, half, 8)}]
    rows, columns = gate_statistics(observed)
    assert (rows.site, rows.direction, columns.direction) == ("dark3", "rows", "columns")
    assert rows.mean == pytest.approx((0.05 + 0.75) / 2, abs=1e-6)
    assert (rows.closed, rows.open) == (0.5, 0.25)
    assert rows.low == pytest.approx(0.05)
    assert rows.high == pytest.approx(0.95)
    assert rows.along == pytest.approx(np.sqrt(0.2**2 / 2), rel=1e-4)
    assert columns.std == pytest.approx(0.2, rel=1e-4)
    assert columns.along == pytest.approx(0.2, rel=1e-4)


def test_channels_that_differ_say_nothing_about_where():
    strip = np.tile(np.array([[0.2], [0.8]], np.float32), (1, 10))
    rows, _ = gate_statistics([{"dark3": SiteGates(strip, strip, 8)}])
    assert rows.std == pytest.approx(0.3, rel=1e-4)
    assert rows.along == pytest.approx(0, abs=1e-6)


def test_sites_without_gates_are_left_out(gated_network):
    mixed = gated_network(lambda channels: SE(channels) if channels == 64 else ela_t(channels))
    gates = photograph_gates(mixed, photograph(SIZE, SIZE), SIZE)
    assert list(gates) == [site for site, channels in SITES.items() if channels != 64]


def test_attention_at_one_width_alone_is_named_by_its_sites(gated_network):
    model = gated_network(
        lambda channels: ela_t(channels) if channels == 128 else None, share_sites=True
    )
    gates = photograph_gates(model, photograph(SIZE, SIZE), SIZE)
    assert list(gates) == ["dark4", "C3_p3", "C3_n3"]
