"""Window room: the only place with Qt widgets."""
