"""Built-in intents: what is answered without a language model."""
