"""Tests of setting the phone up by talking."""
