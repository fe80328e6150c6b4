"""A faster way through the UNet and the VAE, adopted only if it proves itself on this device."""
