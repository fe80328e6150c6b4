import re

import pytest

from models_cache import catalog
from models_cache.catalog import Family
from models_cache.needed_files import needed_files


def test_sdxl_is_the_18_files_of_the_fp16_variant():
    assert len(catalog.SDXL_BASE.files) == 18
    assert catalog.SDXL_BASE.size_bytes == 6_941_187_536


def test_of_blip_the_size_of_the_weights_is_known():
    assert catalog.BLIP_LARGE.size_bytes == 1_879_014_680


def test_where_no_size_is_recorded_none_is_given():
    assert catalog.DEMO_CAPTIONER.size_bytes is None


@pytest.mark.parametrize("checkpoint", catalog.FULL, ids=lambda checkpoint: checkpoint.name)
def test_what_is_fetched_is_pinned_and_is_all_that_is_needed(checkpoint):
    assert len(checkpoint.revision) == 40
    paths = tuple(file.path for file in checkpoint.files)
    needed = needed_files(paths, checkpoint.family, shards_in=None)
    assert (sorted(needed.paths), needed.missing) == (sorted(paths), ())


def test_every_digest_of_sdxl_is_known_and_only_its_two_vocabularies_share_theirs():
    digests = {file.path: file.sha256 for file in catalog.SDXL_BASE.files}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())
    assert len(set(digests.values())) == 16
    for name in ("merges.txt", "vocab.json"):
        assert digests[f"tokenizer/{name}"] == digests[f"tokenizer_2/{name}"]


def test_full_and_demo_each_hold_one_checkpoint_of_either_family():
    for checkpoints in (catalog.FULL, catalog.DEMO):
        assert {checkpoint.family for checkpoint in checkpoints} == set(Family)
    assert all(checkpoint.is_demo for checkpoint in catalog.DEMO)
    assert not any(checkpoint.is_demo for checkpoint in catalog.FULL)


def test_of_the_generators_the_demo_alone_has_learnt_few_sizes():
    assert [each for each in catalog.KNOWN if each.sizes] == [catalog.DEMO_GENERATOR]
