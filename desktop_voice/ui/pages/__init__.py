"""Pages room: what the navigation on the left opens."""
