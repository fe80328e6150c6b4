"""Everything that made the models under models_cache/demo."""
