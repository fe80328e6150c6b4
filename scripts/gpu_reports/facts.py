"""What the machine is: its card, and what torch can do there."""

from collections.abc import Iterator

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend

from models_cache.runtime import nvidia
from scripts.benchmarks.machine import describe_machine
from scripts.gpu_reports.finding import Finding, megabytes
from scripts.gpu_reports.subject import NO_CUDA, Subject

# (rows, heads, tokens, channels of a head) of SDXL at 1024x1024 with guidance.
ATTENTIONS = {"UNet": (2, 10, 4096, 64), "VAE": (1, 1, 16384, 512)}


def measure(subject: Subject) -> Iterator[Finding]:
    for what, fact in describe_machine(subject.device).items():
        yield Finding(what, fact if isinstance(fact, int | float) else str(fact))
    yield Finding("size of the models", subject.size)
    facts = nvidia.Facts.gather()
    yield Finding("driver", facts.driver or "none")
    yield Finding("torch is built with CUDA", facts.cuda or "none")
    yield Finding("torch has code for", ", ".join(facts.architectures) or "no GPU")
    if facts.problem:
        yield Finding("why no GPU is used", facts.problem)
    if subject.is_cuda:
        yield from of_card(subject.device)
    else:
        yield Finding("card", NO_CUDA)
    for model, shape in ATTENTIONS.items():
        yield Finding(f"attention of the {model}", attention(shape, subject.device))


def of_card(device: torch.device) -> Iterator[Finding]:
    """In a process that has not asked the card for anything."""
    free, total = torch.cuda.mem_get_info(device)  # makes the context
    properties = torch.cuda.get_device_properties(device)
    yield Finding("card", properties.name)
    yield Finding("capability", f"{properties.major}.{properties.minor}")
    yield Finding("multiprocessors", properties.multi_processor_count)
    yield Finding("cuDNN", str(torch.backends.cudnn.version()))
    yield megabytes("memory of the card", total)
    yield megabytes("taken by a context and by other programs", total - free)
    use_kernels(device)
    torch.cuda.empty_cache()
    yield megabytes(
        "taken by kernels at their first use", free - torch.cuda.mem_get_info(device)[0]
    )


def use_kernels(device: torch.device) -> None:
    """Uses the kinds of kernel that the models do: a convolution, a product and attention."""
    image = torch.ones(2, 64, 64, 64, dtype=torch.float16, device=device)
    functional.conv2d(image, torch.ones_like(image[:, :, :3, :3]))
    rows = image.flatten(2)
    functional.scaled_dot_product_attention(*[(rows @ rows.mT).unsqueeze(1)] * 3)
    torch.cuda.synchronize(device)


def attention(shape: tuple[int, ...], device: torch.device) -> str:
    """The implementation that torch would choose; MATH is the one that is not fused."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    query = torch.empty(shape, dtype=dtype, device=device)
    return str(SDPBackend(torch._fused_sdp_choice(query, query, query)).name)
