"""Prompts in, images out: SDXL behind an engine that batches by denoising step."""
