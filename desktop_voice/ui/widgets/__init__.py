"""Widgets room: one small widget a module, each knows nothing of the assistant."""
