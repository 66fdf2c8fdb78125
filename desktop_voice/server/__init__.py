"""The two listeners: the public one for carriers, and the local API."""
