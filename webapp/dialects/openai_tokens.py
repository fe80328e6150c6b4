"""What OpenAI's clients may look up of tokens: none are counted, but their types want numbers."""

from webapp.dialects.answer import Answer


class ImageDetails(Answer):
    image_tokens: int = 0
    text_tokens: int = 0


class ImageTokens(Answer):
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: ImageDetails = ImageDetails()


class ChatTokens(Answer):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class InputDetails(Answer):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(Answer):
    reasoning_tokens: int = 0


class ResponseTokens(Answer):
    input_tokens: int = 0
    input_tokens_details: InputDetails = InputDetails()
    output_tokens: int = 0
    output_tokens_details: OutputDetails = OutputDetails()
    total_tokens: int = 0
