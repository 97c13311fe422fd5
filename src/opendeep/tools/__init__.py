"""What an AI may call. A tool knows its arguments, never who asks; its result is data for a model."""
