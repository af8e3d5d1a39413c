"""Images with planted defects, and what is needed to screen them."""
