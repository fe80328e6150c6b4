"""Programs that ``processes`` runs, each in a process of its own."""
