"""Which images pass: limits from real photographs, the rules, and one screening from manifest to manifest."""
