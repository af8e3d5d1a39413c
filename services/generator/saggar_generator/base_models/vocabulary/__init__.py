"""Words beside those that a text encoder came with: `added_words`."""
