"""What covers the piece: clay and glaze, decoration, and what dynasty and fire make of them."""
