"""A catalogue's photographs to the classifier: found, fetched, sent, and each answer kept at once."""
