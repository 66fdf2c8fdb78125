"""Dialogue room: lines, turn taking and the pipelines that answer."""
