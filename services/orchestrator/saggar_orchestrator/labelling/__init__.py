"""Which labels to look at again, and which photographs to label next: by models that have not seen them."""
