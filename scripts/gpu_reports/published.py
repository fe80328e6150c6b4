"""What only the published weights can show: the range of their numbers, and what they say."""

from collections.abc import Iterator

from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.sdxl import SDXL
from models_cache.advice import CheckpointError
from models_cache.catalog import FULL
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store
from scripts.benchmarks.arguments import PROMPT
from scripts.gpu_reports import activations
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.pictures import denoised
from scripts.gpu_reports.precision import of_vae
from scripts.gpu_reports.subject import NO_CUDA, Subject


def measure(subject: Subject) -> Iterator[Finding]:
    if not subject.is_cuda:
        yield Finding("published weights", NO_CUDA)
        return
    try:
        blip_large, sdxl_base = (Store().locate(known) for known in FULL)
    except CheckpointError:  # whose words hold folders
        yield Finding("published weights", "not here: scripts/download_models fetches them")
        return
    placement = Placement(subject.device)
    blip = Blip.load(blip_large, placement)
    yield from of_image(SDXL.load(sdxl_base, placement), blip)


def of_image(sdxl: SDXL, blip: Blip) -> Iterator[Finding]:
    request = sdxl.info.request(PROMPT, seed=0)
    [sample] = denoised(sdxl, [request])
    [caption] = blip.caption_batch([CaptionRequest(sdxl.decode([sample])[0])])
    yield Finding(f"caption of an image of {PROMPT!r}", str(caption))
    yield from of_vae(sdxl, sample)
    yield from activations.of_generator(sdxl, request)
