"""Glaze transfer: the form of one photograph, the glaze of another. No model draws; nothing here needs torch.

`glaze.transferred` is called with two pictures; `quilting.quilted` fills an area with the texture of another.
"""
