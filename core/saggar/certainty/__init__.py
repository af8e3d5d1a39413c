"""How sure an answer is: temperatures, prediction sets, and whether a photograph is like those learnt from.

Doors: `calibration` (temperatures and how well they fit), `sets` (classes that hold the true one with a stated chance),
`novelty`. What the trainer fits is kept in a bundle's card, and applied by whoever reads the bundle.
"""
