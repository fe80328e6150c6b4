"""How many samples share a forward: as many as are in flight, until memory runs out."""

# So many forwards must go well before twice as many samples share one again.
FORWARDS_TO_TRUST = 20


class ForwardLimit:
    """``samples`` is at least 1 and at most ``most``. For the engine's thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.samples = most
        self._went_well = 0

    def ran_out(self, samples: int) -> None:
        """A forward of so many found no room."""
        self.samples = (samples + 1) // 2
        self._went_well = 0

    def went_well(self, samples: int) -> None:
        """What took the room may be gone: now and then more are tried again."""
        if samples < self.samples or self.samples == self.most:
            return
        self._went_well += 1
        if self._went_well == FORWARDS_TO_TRUST:
            self.samples = min(2 * self.samples, self.most)
            self._went_well = 0
