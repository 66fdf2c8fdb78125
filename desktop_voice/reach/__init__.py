"""Reach: proves, hop by hop, that callers get through to this machine, and keeps it so."""
