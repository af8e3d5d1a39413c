"""Catalogue text to labels: what a museum wrote about its pieces, read as classes of a taxonomy.

`mapping.map_rows` proposes a class per task for every row, with the words that it rests on; how is told in
`docs/catalogue-text.md`.
"""
