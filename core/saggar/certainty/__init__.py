"""How sure an answer is: `calibration` (temperatures and how well they fit), `sets` (classes that hold the true one
with a stated chance), `novelty` (whether a photograph is like those that were learnt from). What the trainer fits is
kept in a bundle's card, and applied by whoever reads the bundle.
"""
