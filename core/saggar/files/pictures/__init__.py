"""Files of photographs by their bytes and names: what they are, where they end, and what is missing of them."""
