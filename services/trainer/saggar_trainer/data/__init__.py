"""What the network is taught with: rows of a manifest, decoded pixels, random views."""
