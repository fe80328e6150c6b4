"""Random weights in the layout of BLIP-large and SDXL-base: the same files, names and sizes."""
