"""Audio room: frames, files, resampling, devices, echo, voice activity and levels."""
