"""Tunnels: ways from a public address to this machine."""
