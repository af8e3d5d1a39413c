"""The body of a piece: sections, forms, vessels and limbs, and which of its points the camera sees."""
