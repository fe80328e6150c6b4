"""Photos in, captions out: BLIP behind a batching engine."""
