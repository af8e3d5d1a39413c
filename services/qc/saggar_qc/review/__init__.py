"""Review by people, as values and a log: what is asked, what was answered, and what follows from it."""
