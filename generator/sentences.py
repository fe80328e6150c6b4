"""What a client is told of an image that failed."""

from generator.request import GenerationRequest

MODEL_FAILED = "The model failed on this request: try another prompt, size or seed."
NO_ROOM = "There is not enough free memory for an image of {width}x{height}: ask for a smaller one."


def sentence(error: Exception, request: GenerationRequest | None) -> str:
    if request and isinstance(error, MemoryError):
        return NO_ROOM.format(width=request.width, height=request.height)
    return MODEL_FAILED
