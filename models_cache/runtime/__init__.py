"""What a model needs while it lives in this process: a device, memory, a thread, its loading."""
