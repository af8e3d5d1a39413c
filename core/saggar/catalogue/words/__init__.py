"""The words themselves: folded text, the lexicon, marks of doubt and imitation, years."""
