"""The captioner tries what may be faster while it warms up, and goes back if that fails later."""

from threading import Lock

import pytest
import torch
from PIL import Image
from tiny import tiny_blip

from captioner import blip, decoding, faster
from captioner.blip import Blip
from captioner.request import CaptionRequest
from models_cache.flags import FastPath
from models_cache.runtime.device import OutOfMemory
from models_cache.runtime.gpu_fit import Placement

pytestmark = pytest.mark.tiny

REQUESTS = [CaptionRequest(Image.new("RGB", (40, 32), colour)) for colour in ("red", "blue")]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory):
    return tiny_blip(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def words(parts):
    """What transformers' own way says."""
    return Blip(*parts, "tiny").caption_batch(REQUESTS)


@pytest.fixture
def quick(parts):
    return Blip(*parts, "tiny", fast=FastPath.AUTO)


@pytest.fixture
def times(monkeypatch):
    """The seconds of what is on and of what is plain, in place of a clock's."""
    times = {True: 0.2, False: 0.4}

    def seconds(bench, size):
        return times[bench.captioner.static_decoder is not None]

    monkeypatch.setattr(faster.CaptionBench, "seconds", seconds)
    return times


def test_what_is_faster_with_the_same_words_is_adopted_and_told(quick, times, words, capsys):
    quick.warm_up()
    assert quick.static_decoder is not None
    said = "captions in caches of fixed size: adopted, 0.50 of the time for 1"
    assert f"Fast path: {said}" in capsys.readouterr().err
    assert str(quick.verdicts[0]).startswith(said)
    assert quick.caption_batch(REQUESTS) == words


def test_what_is_not_faster_is_not_adopted(quick, times, words):
    times[True] = 0.97 * times[False]
    quick.warm_up()
    assert quick.static_decoder is None
    assert "not adopted, 0.97 of the time" in str(quick.verdicts[0])
    assert quick.caption_batch(REQUESTS) == words


def test_a_decoder_that_takes_all_the_time_itself_is_not_tried(quick, times):
    times[False] = 2 * faster.MOST_SECONDS
    quick.warm_up()
    assert quick.static_decoder is None
    assert str(quick.verdicts[0]).endswith("not adopted, as the time goes to the model itself")


def test_what_gives_other_words_is_not_adopted(quick, times, monkeypatch):
    monkeypatch.setattr(
        decoding, "_mask", lambda positions, places, dtype: torch.zeros(1, places, dtype=dtype)
    )
    quick.warm_up()
    assert quick.static_decoder is None
    assert str(quick.verdicts[0]).endswith("not adopted, it gives other words")


def test_what_fails_here_is_not_adopted(quick, times, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(decoding.StaticDecoder, "generate", fail)
    quick.warm_up()
    assert quick.static_decoder is None
    assert "it fails here (no such kernel)" in str(quick.verdicts[0])


def test_captions_that_end_early_are_the_same_words_whoever_notices_first(
    quick, times, monkeypatch
):
    """As on CUDA, where the host looks now and then."""
    quick.warm_up()
    assert quick.static_decoder is not None
    config, steps = quick.model.text_decoder.config, 4
    embeds = quick.model.vision_model(noise_of(quick)).last_hidden_state
    bench = faster.CaptionBench(quick, embeds, config)
    monkeypatch.setattr(decoding.StaticDecoder, "_tokens_between_looks", steps)
    first = bench.outputs()[0][0, 2].item()
    monkeypatch.setattr(config, "sep_token_id", first)
    static = bench.outputs()
    quick.static_decoder = None
    assert bench.difference(bench.outputs(), static) == ""


def noise_of(quick):
    side = quick.model.config.vision_config.image_size
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(3))


def test_a_trial_that_cannot_begin_keeps_nobody_from_starting(quick, monkeypatch, words, caplog):
    def run_out(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(faster.CaptionBench, "seconds", run_out)
    quick.warm_up()
    assert quick.verdicts == ()
    assert "cannot be tried" in caplog.text
    assert quick.caption_batch(REQUESTS) == words


def test_it_is_not_tried_unless_it_is_to_be(parts, capsys):
    plain = Blip(*parts, "tiny")
    plain.warm_up()
    assert plain.verdicts == ()
    assert "Fast path" not in capsys.readouterr().err


def test_what_fails_later_gives_way_for_good_and_nobody_notices(quick, times, words, monkeypatch):
    quick.warm_up()

    def fail(*_):
        raise RuntimeError("no such kernel any more")

    monkeypatch.setattr(decoding.StaticDecoder, "generate", fail)
    assert quick.caption_batch(REQUESTS) == words
    assert quick.static_decoder is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA driver error: out of memory"),
    ],
)
def test_want_of_memory_is_nobodys_fault(quick, times, monkeypatch, error):
    quick.warm_up()

    def run_out(*_):
        raise error

    monkeypatch.setattr(decoding.StaticDecoder, "generate", run_out)
    with pytest.raises(OutOfMemory):
        quick.caption_batch(REQUESTS)
    assert quick.static_decoder is not None


def test_what_fails_without_it_too_is_not_its_fault(quick, times, monkeypatch):
    quick.warm_up()

    def fail(*_):
        raise RuntimeError("no such picture")

    monkeypatch.setattr(quick.model.vision_model, "forward", fail)
    with pytest.raises(RuntimeError, match="no such picture"):
        quick.caption_batch(REQUESTS)
    assert quick.static_decoder is not None


def test_several_beams_are_transformers_own(quick, times, monkeypatch):
    quick.warm_up()
    monkeypatch.setattr(decoding.StaticDecoder, "generate", None)
    [said] = quick.caption_batch([CaptionRequest(REQUESTS[0].image, num_beams=3)])
    assert said
    assert quick.static_decoder is not None


class Tape:
    """In place of a CUDA graph: replays by calling again, and fails if it is told to."""

    def __init__(self):
        self.replays = 0
        self.is_broken = False

    def __call__(self, call):
        result = call()

        def replay():
            self.replays += 1
            if self.is_broken:
                raise RuntimeError("an illegal memory access")
            if isinstance(result, torch.Tensor):
                result.copy_(call())
            else:
                call()

        return replay, result


@pytest.fixture
def tape(quick, times, monkeypatch):
    """As on a card: its vision model is twice as fast by a graph."""
    tape = Tape()
    monkeypatch.setattr(blip, "capture_on_cuda", tape)
    monkeypatch.setattr(
        faster.VisionBench,
        "seconds",
        lambda bench, size: 1 + (bench.captioner.vision_graph is None),
    )
    quick.has_graphs = True
    return tape


def test_on_a_card_the_vision_model_is_one_graph_for_one_picture(quick, tape, words):
    quick.warm_up()
    assert [each.adopted for each in quick.verdicts] == [True, True]
    assert quick.vision_graph is not None
    tape.replays = 0
    assert [quick.caption_batch([each])[0] for each in REQUESTS] == words
    assert tape.replays > 2 * len(REQUESTS)
    tape.replays = 0
    assert quick.caption_batch(REQUESTS) == words
    assert tape.replays == 0


def test_a_vision_graph_that_sees_something_else_is_not_adopted(quick, tape, monkeypatch):
    monkeypatch.setattr(faster.VisionGraph, "_see", lambda graph, pixels: pixels * 0)
    quick.warm_up()
    assert quick.vision_graph is None
    assert "not adopted, it sees something else" in str(quick.verdicts[0])


def test_a_graph_that_fails_later_gives_way_for_good(quick, tape, words, caplog):
    quick.warm_up()
    tape.is_broken = True
    assert quick.caption_batch(REQUESTS[:1]) == words[:1]
    assert (quick.vision_graph, quick.static_decoder) == (None, None)
    assert "the fast path of the captioner failed" in caplog.text


def test_there_are_graphs_on_cuda_where_weights_stay(parts):
    card, lock = torch.device("cuda"), Lock()
    assert Blip(*parts, "tiny", Placement(card)).has_graphs
    assert not Blip(*parts, "tiny", Placement(card, device_lock=lock)).has_graphs
    assert not Blip(*parts, "tiny", Placement(torch.device("cpu"))).has_graphs
