"""The phone: carriers, calls, who may call and be called, and the conversation on a call."""
