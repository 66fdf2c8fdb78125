"""A carrier on this machine: speaks the three carriers' dialects, with nobody to pay."""
