"""What is measured of one picture: outline, texture, artefacts, and hashes that find copies."""
