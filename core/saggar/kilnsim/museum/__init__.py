"""The *collection* domain's renderer: a museum's photographs of Song and Yuan porcelain.

`render.render_museum` is the way in. From the object to the picture: `forms` and `vessel` (shape), `limbs`
(spouts, handles, legs), `sight` (what the camera sees), `glazes`, `kilns`, `motifs` (the surface), `light`,
`grounds` and `camera` (the photograph). `exact` holds the arithmetic that gives equal bits on every machine.
"""
