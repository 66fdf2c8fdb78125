"""Agent room: built-in intents, language model, prompts and history."""
