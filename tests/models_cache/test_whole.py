import json

import pytest
from checkpoints import safetensors_bytes

from models_cache import whole
from models_cache.advice import CheckpointError

WHOLE = safetensors_bytes(tensor_bytes=32)


def tensors(*offsets):
    return {
        str(index): {"dtype": "U8", "shape": [pair[-1] - pair[0]], "data_offsets": pair}
        if all(isinstance(each, int) for each in pair)
        else {"dtype": "U8", "shape": [1], "data_offsets": pair}
        for index, pair in enumerate(offsets)
    }


def check(path, content):
    path.write_bytes(content)
    whole.check(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_a_whole_file_passes(path):
    check(path, WHOLE)


def test_tensors_need_not_be_listed_in_their_order(path):
    check(path, safetensors_bytes(tensors([16, 32], [0, 8], [8, 8], [8, 16])))


def test_what_the_library_writes_passes(path):
    numpy = pytest.importorskip("numpy")
    from safetensors.numpy import save_file

    tensors = {"a": numpy.zeros((2, 3), "float16"), "b": numpy.zeros((), "int64")}
    save_file(tensors, path, metadata={"format": "pt"})
    whole.check(path)


def test_a_file_cut_anywhere_is_refused(path):
    for length in range(len(WHOLE)):
        with pytest.raises(CheckpointError):
            check(path, WHOLE[:length])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (WHOLE[:-1], f"is cut short: {len(WHOLE) - 1} of {len(WHOLE)} bytes are there"),
        (WHOLE[:20], "is cut short"),
        (WHOLE + b"\0", "is 1 bytes too long"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page, not weights"),
        (b"\n<html><body>login</body></html>", "is a web page, not weights"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "is a Git LFS pointer, not the weights themselves",
        ),
        (b"PK\x03\x04 a pickle in a zip, as torch.save writes it", "is not a safetensors file"),
        (b"\x80\x02}q\x00. a bare pickle, and some more bytes", "is not a safetensors file"),
        (bytes(1000), "is not a safetensors file"),
        ((10**12).to_bytes(8, "little") + b"{" + bytes(99), "is not a safetensors file"),
        (safetensors_bytes(b"{not json}"), "has a damaged header"),
        (safetensors_bytes(b'{"a": "\xff"}'), "has a damaged header"),
        (safetensors_bytes(b'{"a":' * 100_000), "has a damaged header"),
        (safetensors_bytes({"a": 1}), "has a damaged header"),
        (safetensors_bytes({"a": {}}), "has a damaged header"),
        (safetensors_bytes(tensors([0, "x"])), "has a damaged header"),
        (safetensors_bytes(tensors([0, 16, 32])), "has a damaged header"),
        (safetensors_bytes(tensors([0, 16], [24, 32])), "has a damaged header"),
        (safetensors_bytes(tensors([0, 24], [16, 32])), "has a damaged header"),
        (safetensors_bytes(tensors([0, -8])), "has a damaged header"),
        (safetensors_bytes(b'{"a": {"data_offsets": [0, Infinity]}}'), "has a damaged header"),
        (safetensors_bytes({"__metadata__": {}}, tensor_bytes=0), "holds no weights"),
    ],
)
def test_what_is_wrong_is_said(path, content, message):
    with pytest.raises(CheckpointError, match=message):
        check(path, content)


def test_only_the_header_is_read(path):
    header = json.dumps(tensors([0, 7 * 10**9])).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 7 * 10**9)
    whole.check(path)


def test_a_flipped_bit_among_the_tensors_goes_unseen(path):
    check(path, WHOLE[:-1] + b"\1")
