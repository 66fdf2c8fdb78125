"""Lines: everything that can be talked through."""
