"""What a review shows: which images, which controls among them, which photographs beside them."""
