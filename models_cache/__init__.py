"""Model weights: which we know, where they lie, and whether they are whole."""
