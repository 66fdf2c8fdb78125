"""First-run room: a few skippable steps from an empty desk to a spoken answer."""
