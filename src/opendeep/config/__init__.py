"""Settings layer: the only reader of the environment, and the versioned prompts."""
