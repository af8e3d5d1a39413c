"""What results.json keeps beside scores, so that pages can show it: pictures, the tail of a training set, advice.

Doors: `pictures.pictured`, `cases.cases`, `tail.tail`, `advising.advised`.
"""
