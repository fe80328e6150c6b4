"""Prompts become embeddings: those of all requests at once, and each text once."""

from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from tiny import TINY_INFO, tiny_pipeline

from generator.request import GenerationRequest
from generator.sdxl import SDXL

pytestmark = pytest.mark.tiny

RED = GenerationRequest("a red house by the sea", 64, 64, 7, 5.0, seed=1)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


def test_all_texts_are_encoded_in_one_call_and_each_once(pipeline, monkeypatch):
    encode, calls = pipeline.encode_prompt, []

    def note(texts, **options):
        calls.append(texts)
        return encode(texts, **options)

    monkeypatch.setattr(pipeline, "encode_prompt", note)
    requests = [RED, replace(RED, negative_prompt="fog"), replace(RED, guidance_scale=1.0)]
    SDXL(pipeline, TINY_INFO).prepare(requests)
    assert calls == [[RED.prompt, "fog"]]


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("negative_prompt", [None, "", "fog"])
def test_each_request_s_rows_are_those_that_diffusers_makes(pipeline, zeros, negative_prompt):
    """Whether no negative prompt means zeros is for the checkpoint to say."""
    before = pipeline.config.force_zeros_for_empty_prompt
    pipeline.register_to_config(force_zeros_for_empty_prompt=zeros)
    other = replace(RED, prompt="a cat", negative_prompt="rain")
    request = replace(RED, negative_prompt=negative_prompt)
    try:
        _, sample = SDXL(pipeline, TINY_INFO).prepare([other, request])
        prompt_embeds, negative_prompt_embeds, pooled, negative_pooled = pipeline.encode_prompt(
            RED.prompt, do_classifier_free_guidance=True, negative_prompt=negative_prompt
        )
    finally:
        pipeline.register_to_config(force_zeros_for_empty_prompt=before)
    expected = torch.cat([negative_prompt_embeds, prompt_embeds])
    assert torch.allclose(sample.prompt_embeds, expected, atol=1e-5)
    assert torch.allclose(sample.add_text_embeds, torch.cat([negative_pooled, pooled]), atol=1e-5)
