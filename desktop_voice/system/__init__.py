"""System room: single instance, notifications, logs, media thread, doctor."""
