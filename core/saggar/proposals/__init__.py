"""What a classifier proposes for the rows of a catalogue, and what people decide about it.

`asking` takes the photographs of a catalogue to the classifier and keeps the answers in a journal; `formats` writes
them as catalogue systems read them; `decisions` reads back what people accepted.
"""
