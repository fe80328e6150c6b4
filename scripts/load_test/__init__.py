"""A server under clients of every kind, and what is left behind when they have gone."""
