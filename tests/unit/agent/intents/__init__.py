"""Tests of the built-in intents."""
