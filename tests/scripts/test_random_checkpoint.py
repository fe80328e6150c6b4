"""Random checkpoints are laid out as the published ones, and load and run like any other.

The full size is checked without being written: names, shapes and types decide how long a file is.
"""

import hashlib
import re
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import local
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import BlipForConditionalGeneration, CLIPTextModel, CLIPTextModelWithProjection

from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.request import GenerationRequest
from generator.sdxl import SDXL
from models_cache.catalog import BLIP_LARGE, SDXL_BASE, Checkpoint, Family
from models_cache.runtime.gpu_fit import Placement
from scripts.random_checkpoints import __main__ as random_checkpoint
from scripts.random_checkpoints import checkpoint, safetensors_file, weights
from scripts.random_checkpoints.safetensors_file import Tensor
from scripts.random_checkpoints.sizes import FULL, TINY

pytestmark = pytest.mark.tiny

CPU = Placement(torch.device("cpu"))
FEW_VALUES = Tensor("conv_in.weight", "F16", (320, 4, 3, 3))
FEW_VALUES_DIGEST = "df75638c05d429fb4120345e1a5c36ad45f941761e5a701b8439afadb94dd9a7"
PICTURES = [Image.new("RGB", (40, 32), colour) for colour in ("red", "yellow", "white")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds captioner/ and generator/ as scripts/random_checkpoint writes them."""
    folder = tmp_path_factory.mktemp("random")
    assert random_checkpoint.main(["--size", "tiny", "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def full_captioner() -> checkpoint.RandomCheckpoint:
    return checkpoint.captioner(FULL)


@pytest.fixture(scope="module")
def full_generator() -> checkpoint.RandomCheckpoint:
    return checkpoint.generator(FULL)


def published_weights(known: Checkpoint) -> dict[str, int | None]:
    """Path to size."""
    return {
        file.path: file.size_bytes for file in known.files if file.path.endswith(".safetensors")
    }


def drawn(tensor: Tensor, seed: int = 0, file: str = "model.safetensors") -> np.ndarray:
    return np.concatenate(list(weights.values(tensor, seed, file)))


def digests(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["bias", "a.bias", "ab.bias", "layer.bias"])
def test_a_file_is_byte_for_byte_what_the_library_writes(tmp_path: Path, name):
    """Names of different length: the header is filled up to a multiple of eight bytes."""
    rng = torch.Generator().manual_seed(0)
    tensors = {
        "norm.weight": torch.randn(7, generator=rng).half(),
        "layers.10.weight": torch.randn(5, 3, 2, generator=rng),
        "layers.9.weight": torch.randn(3, 5, generator=rng),
        "position_ids": torch.arange(4).expand(1, 4).contiguous(),
        name: torch.randn(1, generator=rng).half(),
    }
    dtypes = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}
    described = [
        Tensor(name, dtypes[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()
    ]
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    safetensors_file.write(ours, described, lambda tensor: [tensors[tensor.name].numpy()])
    save_file(tensors, theirs, metadata={"format": "pt"})
    assert ours.read_bytes() == theirs.read_bytes()
    assert ours.stat().st_size == safetensors_file.size_bytes(described)


def test_full_weights_have_the_published_sizes(full_captioner, full_generator):
    for one, known in ((full_captioner, BLIP_LARGE), (full_generator, SDXL_BASE)):
        sizes = {
            name: safetensors_file.size_bytes(tensors) for name, tensors in one.weights.items()
        }
        assert sizes == published_weights(known)


def test_full_weights_are_of_the_published_number_and_types(full_captioner, full_generator):
    unet = full_generator.weights["unet/diffusion_pytorch_model.fp16.safetensors"]
    assert (len(unet), sum(tensor.size for tensor in unet)) == (1680, 2_567_463_684)
    for tensors in full_generator.weights.values():
        assert {tensor.dtype for tensor in tensors} == {"F16"}
    types = {tensor.dtype for tensor in full_captioner.weights["model.safetensors"]}
    assert types == {"F32", "I64"}


def test_full_configs_and_tokenizers_of_the_generator_are_the_published_ones(full_generator):
    published = {file.path: file.sha256 for file in SDXL_BASE.files}
    assert len(full_generator.small_files) == 14
    for name, content in full_generator.small_files.items():
        assert hashlib.sha256(content).hexdigest() == published[name]


def test_full_checkpoints_hold_the_files_that_are_published(full_captioner, full_generator):
    for one, known in ((full_captioner, BLIP_LARGE), (full_generator, SDXL_BASE)):
        unread = {"vocab.txt"} & set(one.small_files)  # as tokenizer.json says the same
        assert {*one.small_files, *one.weights} - unread == {file.path for file in known.files}


def test_the_full_captioner_has_special_tokens_and_letters_where_bert_has_them(full_captioner):
    tokens = full_captioner.small_files["vocab.txt"].decode().splitlines()
    assert len(set(tokens)) == len(tokens) == 30_522
    assert (tokens[0], tokens[100:104]) == ("[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    assert (tokens[998], tokens[999], tokens[1037]) == ("[unused993]", "!", "a")


@pytest.mark.parametrize("part", ["captioner", "generator"])
def test_what_was_written_is_as_long_as_was_foretold(tiny, part):
    written = sum(path.stat().st_size for path in (tiny / part).rglob("*") if path.is_file())
    assert written == random_checkpoint.PARTS[part](TINY).size_bytes


def test_tiny_checkpoints_pass_the_check_that_precedes_loading(tiny):
    local(tiny / "captioner", Family.BLIP)
    local(tiny / "generator", Family.SDXL)


@pytest.mark.parametrize(
    ("model_class", "folder"),
    [
        (BlipForConditionalGeneration, "captioner"),
        (CLIPTextModel, "generator/text_encoder"),
        (CLIPTextModelWithProjection, "generator/text_encoder_2"),
        (UNet2DConditionModel, "generator/unet"),
        (AutoencoderKL, "generator/vae"),
    ],
)
def test_every_weight_finds_its_place(tiny, model_class, folder):
    """Nothing is missing, left over or of another shape."""
    _, info = model_class.from_pretrained(
        tiny / folder, variant=None if folder == "captioner" else "fp16", output_loading_info=True
    )
    assert {kind: keys for kind, keys in info.items() if keys} == {}


def test_the_captioner_s_tied_weights_are_tied_when_loaded(tiny):
    decoder = Blip.load(local(tiny / "captioner", Family.BLIP), CPU).model.text_decoder
    assert decoder.cls.predictions.decoder.weight is decoder.bert.embeddings.word_embeddings.weight


def test_the_tiny_captioner_tells_pictures_apart(tiny):
    blip = Blip.load(local(tiny / "captioner", Family.BLIP), CPU)
    captions = blip.caption_batch([CaptionRequest(picture) for picture in PICTURES])
    assert len(set(captions)) == len(PICTURES)
    assert all(captions)


def test_the_tiny_generator_paints_finite_pictures_by_prompt_and_seed(tiny):
    sdxl = SDXL.load(local(tiny / "generator", Family.SDXL), CPU)
    assert sdxl.info.default_size == 64
    requests = [
        GenerationRequest(
            prompt, seed=seed, num_inference_steps=2, guidance_scale=5.0, width=64, height=64
        )
        for prompt, seed in (("a red house", 0), ("a blue boat", 0), ("a red house", 1))
    ]
    samples = sdxl.prepare(requests)
    while not samples[0].is_denoised:
        assert sdxl.denoise(samples) == {}
    images = [np.asarray(image, dtype=float) for image in sdxl.decode(samples)]
    assert all(image.std() > 10 for image in images)
    for other in images[1:]:
        assert np.abs(images[0] - other).mean() > 5


def test_the_second_tokenizer_pads_with_another_token(tiny):
    pipeline = SDXL.load(local(tiny / "generator", Family.SDXL), CPU).pipeline
    assert (pipeline.tokenizer.pad_token, pipeline.tokenizer_2.pad_token) == ("<|endoftext|>", "!")
    assert pipeline.tokenizer_2.pad_token_id == 0
    assert len(pipeline.tokenizer) == pipeline.text_encoder.config.vocab_size


def test_the_same_seed_writes_the_same_bytes(tiny, tmp_path):
    for seed in ("0", "1"):
        arguments = ["generator", "--size", "tiny", "--seed", seed, "--output"]
        assert random_checkpoint.main([*arguments, str(tmp_path / seed)]) == 0
    assert not (tmp_path / "0" / "captioner").exists()
    expected = digests(tiny / "generator")
    assert digests(tmp_path / "0" / "generator") == expected
    other = digests(tmp_path / "1" / "generator")
    differ = {path.as_posix() for path in expected if other[path] != expected[path]}
    assert differ == set(published_weights(SDXL_BASE))


def test_values_are_the_same_on_any_machine():
    assert hashlib.sha256(drawn(FEW_VALUES).tobytes()).hexdigest() == FEW_VALUES_DIGEST


def test_a_layer_keeps_the_variance_of_what_it_is_given():
    for dtype in ("F16", "F32"):
        values = drawn(Tensor("conv.weight", dtype, (320, 320, 3, 3))).astype(float)
        assert values.std() == pytest.approx((320 * 9) ** -0.5, rel=0.01)
        assert values.mean() == pytest.approx(0, abs=1e-4)


def test_a_large_tensor_is_never_held_whole():
    pieces = list(weights.values(Tensor("embed.weight", "F16", (1000, 1001)), 0, "file"))
    assert sum(piece.size for piece in pieces) == 1_001_000
    assert max(piece.nbytes for piece in pieces) < 1_000_000


def test_tensors_of_one_name_differ_from_file_to_file():
    tensor = Tensor("conv.weight", "F16", (8, 8))
    assert (drawn(tensor, file="unet") != drawn(tensor, file="vae")).any()


def test_too_little_space_is_a_sentence_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    usage = namedtuple("usage", "free")(8_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert random_checkpoint.main(["--size", "full", "--output", str(tmp_path / "new")]) == 1
    printed = capsys.readouterr().err
    assert re.search(r"new has 8\.0 GB free, and 8\.8 GB are needed: .*\.$", printed)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [(["painter"], "painter"), (["--seed", "-1"], "--seed:"), (["--size", "huge"], "--size:")],
)
def test_wrong_arguments_are_refused(wrong, named, capsys):
    with pytest.raises(SystemExit) as exit_:
        random_checkpoint.main(["--size", "tiny", *wrong])
    assert exit_.value.code == 2
    assert named in capsys.readouterr().err
