"""Theme room: colour tokens, one style-sheet template and the switch between themes."""
