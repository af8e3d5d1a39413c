"""From what the network gives for a photograph to what is said of it.

Doors: `answering.answer`, with its `Question` and `Answer`; `speaker.Speaker`, what a bundle allows to be said.
"""
