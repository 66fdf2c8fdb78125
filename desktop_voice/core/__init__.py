"""Core room: events, states, errors, settings and ports; no I/O and no Qt."""
