"""PNG files that say that they are synthetic, and how and from what they were made."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# IPTC's term for an image made by a trained model: https://cv.iptc.org/newscodes/digitalsourcetype/
TRAINED_ALGORITHMIC_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP_KEY = "XML:com.adobe.xmp"  # where the XMP specification, part 3, puts the packet of a PNG
_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    Iptc4xmpExt:DigitalSourceType="{TRAINED_ALGORITHMIC_MEDIA}"
    xmp:CreatorTool="Saggar"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def encode_png(pixels: npt.NDArray[np.uint8], facts: Mapping[str, str]) -> bytes:
    """`pixels` [H, W, 3] as PNG with an XMP packet and `facts` as text chunks; equal inputs, equal bytes."""
    info = PngInfo()
    info.add_itxt(_XMP_KEY, _XMP)
    for key, text in facts.items():
        info.add_itxt(key, text)  # UTF-8, unlike tEXt
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", pnginfo=info)
    return out.getvalue()
