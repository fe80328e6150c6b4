"""The engine beside the plain pipeline, the web beside the engine, and the start."""
