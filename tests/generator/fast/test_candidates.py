"""Each candidate over tiny real networks: the same results while it is on, no trace when off."""

import sys
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from tiny import TINY_INFO, is_channels_last, tiny_pipeline
from torch.nn.attention import SDPBackend

from generator.fast import graphs
from generator.fast import trials as trials_module
from generator.fast.bench import DecodeBench, UNetBench
from generator.fast.candidate import Attention, ChannelsLast, HalfAccumulation
from generator.fast.graphs import Graphs
from generator.fast.trials import fast_path, trials
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.sdxl import SDXL
from models_cache.runtime.gpu_fit import Placement
from models_cache.runtime.trial import try_candidate

pytestmark = pytest.mark.tiny

REQUESTS = [GenerationRequest("a house", 64, 64, 4, 5.0, seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def sdxl(pipeline) -> SDXL:
    return SDXL(pipeline, TINY_INFO)


@pytest.fixture
def samples(sdxl) -> list[Sample]:
    return sdxl.prepare(REQUESTS)


@pytest.fixture
def bench(sdxl, samples) -> UNetBench:
    return UNetBench(sdxl.pipeline.unet, samples, step_bytes=1)


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def test_channels_last_gives_the_same_and_goes_off_again(sdxl, bench):
    unet, plain = sdxl.pipeline.unet, bench.outputs()
    candidate = ChannelsLast("UNet", unet)
    candidate.turn_on()
    assert is_channels_last(unet)
    assert bench.difference(plain, bench.outputs()) == ""
    candidate.turn_off()
    assert not is_channels_last(unet)
    assert all(torch.equal(*pair) for pair in zip(plain, bench.outputs(), strict=True))


def enabled() -> tuple[bool, ...]:
    cuda = torch.backends.cuda
    return (
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
        cuda.math_sdp_enabled(),
    )


def test_the_kernel_of_attention_that_came_last_counts_and_going_off_restores_the_others(bench):
    before, plain = enabled(), bench.outputs()
    flash, cudnn = Attention(SDPBackend.FLASH_ATTENTION), Attention(SDPBackend.CUDNN_ATTENTION)
    flash.turn_on()
    assert enabled() == (True, True, False, True)  # the second for heads that flash refuses
    assert bench.difference(plain, bench.outputs()) == ""
    cudnn.turn_on()
    assert enabled() == (False, True, True, True)
    cudnn.turn_off()
    assert enabled() == (True, True, False, True)
    flash.turn_off()
    flash.turn_off()
    assert enabled() == before
    assert (flash.name, cudnn.name) == ("flash attention", "cudnn attention")


def test_half_accumulation_is_a_switch_of_torch_s():
    candidate = HalfAccumulation()
    assert not torch.backends.cuda.matmul.allow_fp16_accumulation
    candidate.turn_on()
    assert torch.backends.cuda.matmul.allow_fp16_accumulation
    candidate.turn_off()
    assert not torch.backends.cuda.matmul.allow_fp16_accumulation


class FakeCapture:
    """Records a call as a CUDA graph does: replaying reads and writes the same tensors."""

    def __init__(self) -> None:
        self.captured = 0
        self.replayed = 0

    def __call__(self, call):
        self.captured += 1
        result = call()

        def replay():
            self.replayed += 1
            for place, new in zip(result, call(), strict=True):
                place.copy_(new)

        return replay, result


def test_graphs_replay_what_comes_again_and_give_the_same(sdxl, bench):
    plain, capture = bench.outputs(), FakeCapture()
    candidate = Graphs("UNet", sdxl.pipeline.unet, capture)
    candidate.turn_on()
    first = bench.outputs()  # three forwards of one shape
    assert (capture.captured, capture.replayed) == (1, 2)
    assert bench.difference(plain, first) == ""
    assert not torch.equal(first[1], first[2])  # not one tensor, written over
    candidate.turn_off()
    bench.outputs()
    assert capture.replayed == 2


def test_the_graphs_that_were_used_longest_ago_go_first(sdxl, bench, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_GRAPHS", 2)
    monkeypatch.setattr(graphs, "IDLE_CALLS", 1)
    capture = FakeCapture()
    candidate = Graphs("UNet", sdxl.pipeline.unet, capture)
    candidate.turn_on()
    for rows in (1, 1, 2, 2, 1, 3, 3):
        bench.inputs.first(rows).forward(sdxl.pipeline.unet)
    assert capture.captured == 3
    bench.inputs.first(1).forward(sdxl.pipeline.unet)
    assert capture.captured == 3
    bench.inputs.first(2).forward(sdxl.pipeline.unet)
    assert capture.captured == 4
    candidate.turn_off()


def test_while_all_graphs_are_in_use_what_comes_beside_them_runs_plainly(sdxl, bench, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_GRAPHS", 2)
    capture = FakeCapture()
    candidate = Graphs("UNet", sdxl.pipeline.unet, capture)
    candidate.turn_on()
    for rows in 4 * (1, 2, 3):
        bench.inputs.first(rows).forward(sdxl.pipeline.unet)
    assert (capture.captured, capture.replayed) == (2, 6)
    candidate.turn_off()


def test_what_cannot_be_captured_runs_plainly_and_is_not_tried_again(sdxl, bench, caplog):
    tries = []

    def capture(call):
        tries.append(call)
        raise torch.OutOfMemoryError("CUDA out of memory")

    plain, candidate = bench.outputs(), Graphs("UNet", sdxl.pipeline.unet, capture)
    candidate.turn_on()
    assert bench.difference(plain, bench.outputs()) == ""
    assert len(tries) == 1
    assert "a forward is not captured as a graph" in caplog.text
    candidate.turn_off()


def test_the_bench_allows_what_batching_differs_and_no_more(sdxl, bench):
    plain = bench.outputs()
    assert bench.difference(plain, plain) == ""
    allowed = bench.allowed[0]
    assert 0 < allowed < 1e-3
    off = [plain[0] + 2 * allowed, *plain[1:]]
    assert bench.difference(plain, off).startswith("it differs by ")
    nan = [*plain[:2], plain[2] * float("nan")]
    assert bench.difference(plain, nan) == "it gives NaN or infinity"


def test_the_bench_times_one_sample_s_rows_and_all_samples(bench):
    assert bench.sizes == [2, 6]
    assert bench.seconds(2) > 0
    assert bench.inputs.latents.shape[0] == 6
    assert [each.item() for each in bench.timesteps] == sorted(
        (each.item() for each in bench.timesteps), reverse=True
    )


def test_the_bench_says_if_there_is_no_room(sdxl, samples, bench):
    assert bench.problem() == ""
    greedy = UNetBench(sdxl.pipeline.unet, samples, step_bytes=10**15)
    assert greedy.problem() == "there is no room to try it"


def test_a_forward_without_room_is_told_as_that(sdxl, bench, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(sdxl.pipeline.unet, "forward", full)
    verdict = try_candidate(HalfAccumulation(), bench)
    assert verdict.why == "it finds no room"


def test_an_image_may_differ_by_half_a_level_on_average(sdxl, samples):
    bench = DecodeBench(sdxl.pixels, samples[0])
    [plain] = bench.outputs()
    assert bench.difference([plain], [plain + 0.4 / 127.5]) == ""
    told = bench.difference([plain], [plain + 0.6 / 127.5])
    assert told == "its image differs by 0.6 levels of 255"
    assert bench.difference([plain], [plain / 0]) == "it gives NaN or infinity"
    assert bench.seconds(1) > 0


def test_a_real_trial_of_the_whole_decoder_leaves_it_as_it_was(sdxl, samples):
    vae = sdxl.pipeline.vae
    before = is_channels_last(vae)
    bench = DecodeBench(sdxl.pixels, samples[0])
    verdict = try_candidate(ChannelsLast("VAE", vae), bench)
    assert verdict.name == "VAE in channels_last"
    assert is_channels_last(vae) is (True if verdict.adopted else before)
    ChannelsLast("VAE", vae).turn_off()


def test_on_a_cpu_there_is_nothing_to_try(sdxl):
    made = fast_path(sdxl, Placement(torch.device("cpu")))
    assert not made.has_more
    assert not made.has_trial


@pytest.mark.parametrize("card", ["NVIDIA GeForce RTX 4090", "NVIDIA H200"])
def test_on_a_card_candidates_come_in_order_each_with_its_bench(sdxl, monkeypatch, card):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: card)
    # As in what diffusers loads from a folder that is a Path.
    sdxl.pipeline.unet.register_to_config(_name_or_path=Path("here"))
    made = list(trials(sdxl, Placement(torch.device("cpu"), max_batch_size=2)))
    half = ["fp16 accumulation"] if "GeForce" in card else []
    assert [candidate.name for candidate, _ in made] == [
        "UNet in channels_last",
        "VAE in channels_last",
        "cudnn attention",
        "flash attention",
        "efficient attention",
        *half,
        "CUDA graphs of the UNet",
        "UNet compiled",
    ]
    of_images = [candidate.name for candidate, bench in made if isinstance(bench, DecodeBench)]
    assert of_images == ["VAE in channels_last"]
    [compiled] = [candidate for candidate, _ in made if candidate.name == "UNet compiled"]
    assert compiled.ahead()[:3] == [sys.executable, "-m", "generator.fast"]
    monkeypatch.setattr(trials_module, "free_bytes", lambda device: 1000)
    assert compiled.ahead() is None


def test_the_model_calls_its_networks_by_the_fast_path(sdxl, monkeypatch):
    calls = []
    for way in ("launch", "call"):
        monkeypatch.setattr(
            sdxl.fast_path, way, lambda each, *_, way=way: calls.append(way) or each()
        )
    [sample] = sdxl.prepare(REQUESTS[:1])
    while not sample.is_denoised:
        assert sdxl.denoise([sample]) == {}
    sdxl.decode([sample])
    assert calls == [*["launch"] * sample.num_steps, "call"]


def test_no_file_is_written_where_nothing_is_tried(sdxl, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_MODELS_CACHE", str(tmp_path))
    fast_path(sdxl, Placement(torch.device("cpu")))
    assert list(tmp_path.iterdir()) == []
