"""What OpenAI's clients may look up of tokens: none are counted, but their types want numbers."""

IMAGE_TOKENS = {
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
}
CHAT_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
RESPONSE_TOKENS = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
