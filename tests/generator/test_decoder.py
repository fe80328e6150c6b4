"""The decoder tiles where it must, and only there."""

import pytest
import torch
from tiny import tiny_pipeline
from torch import nn

from generator import decoder
from generator.decoder import Decoder
from models_cache.runtime.device import OutOfMemory

pytestmark = pytest.mark.tiny

LATENTS = torch.linspace(-1, 1, 4 * 16 * 16).view(1, 4, 16, 16)


@pytest.fixture
def vae(tmp_path):
    return tiny_pipeline(tmp_path).vae.eval().requires_grad_(False)


@pytest.fixture
def pieces(vae, monkeypatch) -> list[tuple[int, ...]]:
    """The sizes of the latents that the network itself is given.

    Set ``limit`` to make it fail with larger ones, and ``most`` to make it fail with more of them.
    """
    seen: list[tuple[int, ...]] = []
    forward = vae.decoder.forward

    def watch(latents):
        seen.append(tuple(latents.shape[-2:]))
        vae.counts.append(len(latents))
        if max(latents.shape[-2:]) > vae.limit or len(latents) > vae.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(latents)

    vae.limit = vae.most = 1000
    vae.counts = []
    monkeypatch.setattr(vae.decoder, "forward", watch)
    return seen


def frees(monkeypatch, count: int | None) -> None:
    monkeypatch.setattr(decoder, "free_bytes", lambda device: count)


@pytest.mark.parametrize("free", [None, 10**12])
def test_what_fits_is_decoded_in_one_piece_as_diffusers_does(vae, pieces, monkeypatch, free):
    frees(monkeypatch, free)
    image = Decoder(vae).decode(LATENTS)
    expected = vae.decode(LATENTS / vae.config.scaling_factor).sample
    assert torch.equal(image, expected)
    assert pieces == [(16, 16)] * 2


def test_what_is_predicted_not_to_fit_is_tiled_even_at_the_size_trained_on(
    vae, pieces, monkeypatch
):
    tiled = Decoder(vae)
    frees(monkeypatch, peak_bytes(tiled) - 1)
    image = tiled.decode(LATENTS)
    assert image.shape == (1, 3, 64, 64)
    assert image.isfinite().all()
    assert len(pieces) > 1
    assert max(map(max, pieces)) == 8
    frees(monkeypatch, peak_bytes(tiled))
    tiled.decode(LATENTS)
    assert pieces[-1] == (16, 16)


def test_where_the_prediction_was_wrong_tiles_are_the_second_try(vae, pieces, monkeypatch):
    frees(monkeypatch, None)
    vae.limit = 8
    assert Decoder(vae).decode(LATENTS).shape == (1, 3, 64, 64)
    assert pieces[0] == (16, 16)
    assert set(pieces[1:]) <= {(8, 8), (8, 4), (4, 8), (4, 4), (6, 8), (8, 6), (8, 2), (2, 8)}


def test_where_tiles_do_not_fit_either_it_says_so(vae, pieces, monkeypatch):
    frees(monkeypatch, None)
    vae.limit = 1
    with pytest.raises(OutOfMemory, match="CUDA out of memory"):
        Decoder(vae).decode(LATENTS)
    vae.limit = 1000
    assert Decoder(vae).decode(LATENTS).shape == (1, 3, 64, 64)


def peak_bytes(decoder, latents=LATENTS):
    pixels = latents[0, 0].numel() * decoder.geometry.scale**2
    return decoder.geometry.decode_bytes(pixels, latents.element_size())


def test_the_peak_grows_with_the_pixels_and_the_precision(vae):
    peak = peak_bytes(Decoder(vae))
    assert peak == 5 * 8 * 64 * 64 * 4
    assert peak_bytes(Decoder(vae), LATENTS.half()) == peak // 2
    assert peak_bytes(Decoder(vae), LATENTS[..., :8]) == peak // 2


# Several at once.

THREE = torch.cat([LATENTS, LATENTS.flip(-1), -LATENTS])


def assert_equal_to_each_alone(vae, images):
    alone = torch.cat(
        [vae.decode(each / vae.config.scaling_factor).sample for each in THREE.split(1)]
    )
    assert (images - alone).abs().max() < 1e-5
    assert (alone[0] - alone[2]).abs().max() > 0.1


def test_several_are_decoded_in_one_call_as_each_alone(vae, pieces, monkeypatch):
    frees(monkeypatch, 3 * peak_bytes(Decoder(vae)))
    images = Decoder(vae).decode(THREE)
    assert vae.counts == [3]
    assert_equal_to_each_alone(vae, images)


def test_several_that_are_predicted_not_to_fit_together_come_one_by_one(vae, pieces, monkeypatch):
    frees(monkeypatch, 3 * peak_bytes(Decoder(vae)) - 1)
    images = Decoder(vae).decode(THREE)
    assert vae.counts == [1, 1, 1]
    assert set(pieces) == {(16, 16)}
    assert_equal_to_each_alone(vae, images)


def test_several_that_run_out_of_memory_come_one_by_one_and_then_in_tiles(vae, pieces, monkeypatch):
    frees(monkeypatch, None)
    vae.most = 1
    images = Decoder(vae).decode(THREE)
    assert vae.counts == [3, 1, 1, 1]
    assert_equal_to_each_alone(vae, images)
    vae.limit = 8
    assert Decoder(vae).decode(THREE).shape == images.shape
    assert max(map(max, pieces[-5:])) <= 8


def test_small_images_are_decoded_in_company_and_large_ones_alone(vae):
    few = decoder.COMPANY_BYTES // peak_bytes(Decoder(vae))
    assert Decoder(vae).batch_size(LATENTS) == few > 1
    assert Decoder(vae).batch_size(torch.zeros(1, 4, 16 * few, 16)) == 1
    assert Decoder(vae).batch_size(torch.zeros(1, 4, 160 * few, 16)) == 1
    assert Decoder(vae.half()).batch_size(LATENTS) >= 2 * few


def overflowing(vae):
    """The VAE in fp16, with weights that leave its range; a norm after them brings all back."""
    vae.decoder.mid_block.resnets[0].conv2.weight.mul_(3e5)
    return vae.to(torch.float16)


def test_what_leaves_the_range_of_fp16_is_decoded_again_in_fp32_for_good(vae, caplog):
    decoder = Decoder(overflowing(vae))
    assert not vae.decode(LATENTS.half()).sample.isfinite().all()
    first, second = (decoder.decode(LATENTS.half()) for _ in range(2))
    assert first.isfinite().all()
    assert torch.equal(first, second)
    assert torch.equal(first, vae.decode(LATENTS.half().float() / vae.config.scaling_factor).sample)
    assert caplog.messages == ["the VAE leaves the range of fp16: from now on it decodes in fp32"]


def test_what_stays_within_fp16_is_decoded_once(vae, pieces, caplog):
    assert Decoder(vae.to(torch.float16)).decode(LATENTS.half()).isfinite().all()
    assert pieces == [(16, 16)]
    assert caplog.messages == []


def test_a_vae_that_finds_no_room_in_fp32_stays_whole_in_fp16(vae, monkeypatch):
    decoder, taken = Decoder(overflowing(vae)), []

    def to(module, *arguments, **options):
        taken.append(module)
        if len(taken) == 1:
            module.decoder.float()
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return nn.Module.to(module, *arguments, **options)

    monkeypatch.setattr(type(vae), "to", to)
    with pytest.raises(torch.OutOfMemoryError):
        decoder.decode(LATENTS.half())
    assert {parameter.dtype for parameter in vae.parameters()} == {torch.float16}
