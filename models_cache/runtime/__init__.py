"""Things that a model needs while it lives in this process: device, memory, thread, loading."""
