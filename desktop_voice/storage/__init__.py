"""Storage room: where the app's files live, and how they are written."""
