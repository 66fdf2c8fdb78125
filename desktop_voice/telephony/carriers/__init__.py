"""One module a carrier, behind one protocol."""
