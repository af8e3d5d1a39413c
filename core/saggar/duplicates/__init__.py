"""Nearly equal pictures: perceptual hashes, and the search for close ones among many."""
