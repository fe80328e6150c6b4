"""The number of samples that share a forward: all in flight, until memory runs out."""

# Forwards that must go well before twice as many samples share one again.
FORWARDS_TO_TRUST = 20


class ForwardLimit:
    """``samples`` is at least 1 and at most ``most``. For the engine's thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.samples = most
        self._went_well = 0

    def ran_out(self, samples: int) -> None:
        """Halves the limit: a forward of ``samples`` found no room."""
        self.samples = (samples + 1) // 2
        self._went_well = 0

    def went_well(self, samples: int) -> None:
        """Doubles the limit now and then: there may be room again."""
        if samples < self.samples or self.samples == self.most:
            return
        self._went_well += 1
        if self._went_well == FORWARDS_TO_TRUST:
            self.samples = min(2 * self.samples, self.most)
            self._went_well = 0
