"""The *collection* domain's renderer: a museum's photographs of Song and Yuan porcelain.

`render.render_museum` is the way in. The object: `forms_open` and `forms_closed` draw a `form`, `vessel`
turns it, `limbs` adds spouts, handles and legs, `sight` finds what the camera sees. Its surface: a `skin`
that `glazes`, `kilns` (with `motifs` and `tricks`) and `dynasty` paint. The photograph: `light`, `grounds`,
`camera`. `exact` holds the arithmetic that gives equal bits on every machine.
"""
