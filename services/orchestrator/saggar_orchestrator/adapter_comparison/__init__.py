"""With an adapter against without it: how far images are from photographs, and what a classifier sees in them."""
