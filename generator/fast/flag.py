"""A yes or no that a device works out, to be read later."""

import torch


class Flag:
    """True or false, of a tensor that is one value.

    Whoever reads it waits for what the device was given before the flag, not for what came since.
    Where host memory cannot be pinned, as on WSL, making it waits already.
    """

    def __init__(self, value: torch.Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._value = value if value.device.type == "cpu" else self._on_its_way(value)

    def __bool__(self) -> bool:
        if self._event is not None:
            self._event.synchronize()
        return bool(self._value)

    def _on_its_way(self, value: torch.Tensor) -> torch.Tensor:
        try:
            host = torch.empty_like(value, device="cpu").pin_memory()
        except RuntimeError:
            return value.cpu()
        host.copy_(value, non_blocking=True)
        self._event = torch.cuda.Event(blocking=True)  # who waits leaves its core to others
        self._event.record(torch.cuda.current_stream(value.device))
        return host
