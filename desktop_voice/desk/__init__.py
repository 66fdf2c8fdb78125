"""Desk room: the hands-free loop of this machine's microphone and speaker."""
