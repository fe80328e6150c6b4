"""Which model weights we know, where they lie, and whether they are whole."""
