"""What is around the piece: light, ground and camera."""
