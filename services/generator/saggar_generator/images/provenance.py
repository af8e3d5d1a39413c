"""PNG files that say that they are synthetic, and how and from what they were made."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# IPTC's terms for an image made by a trained model, and for one made by it from a photograph:
# https://cv.iptc.org/newscodes/digitalsourcetype/
TRAINED_ALGORITHMIC_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
# For one that is composed of photographs alone.
COMPOSITE_CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture"
SOFTWARE = "Saggar"
_LEVEL = 2  # of zlib: a quarter to a half of the default's time, for files a seventh to a quarter larger
_XMP_KEY = "XML:com.adobe.xmp"  # where the XMP specification, part 3, puts the packet of a PNG
# The AI properties are of IPTC Photo Metadata 2025.1; `saggar:` holds what no standard has a name for.
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:saggar="urn:saggar:generation:"
{properties}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_png(pixels: npt.NDArray[np.uint8], inputs: Mapping[str, Any]) -> bytes:
    """`pixels` [H, W, 3] as PNG that carries `inputs`, all that decided it, as XMP and text chunks; equal
    inputs, equal bytes.

    `inputs` has at least `prompt` and `base_model`, and `prompt_with_words` where an adapter's learnt words take part;
    one with `photograph` was made from a photograph, and one with `forms` and `glazes` (and no `base_model`) is
    composed of two.
    """
    info = PngInfo()
    info.add_itxt(_XMP_KEY, xmp_packet(inputs))
    for key, text in {"Software": SOFTWARE, **texts(inputs)}.items():
        info.add_itxt(key, text)  # UTF-8, unlike tEXt
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", pnginfo=info, compress_level=_LEVEL)
    return out.getvalue()


def digital_source_type(inputs: Mapping[str, Any]) -> str:
    """IPTC's term for an image made from `inputs`."""
    if "forms" in inputs:
        return COMPOSITE_CAPTURE
    return COMPOSITE if "photograph" in inputs else TRAINED_ALGORITHMIC_MEDIA


def texts(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Each of `inputs` as one text; what is not a text already, as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in inputs.items()
        if key != "format"
    }


def xmp_packet(inputs: Mapping[str, Any]) -> str:
    """XMP with the IPTC properties of generated images, and all of `inputs`."""
    prompts = str(inputs["prompt"])
    if inputs.get("prompt_with_words"):
        prompts += f"\nWith learnt words: {inputs['prompt_with_words']}"
    if inputs.get("negative_prompt"):
        prompts += f"\nNegative prompt: {inputs['negative_prompt']}"
    properties = {
        "Iptc4xmpExt:DigitalSourceType": digital_source_type(inputs),
        **(
            {}
            if "forms" in inputs
            else {
                "Iptc4xmpExt:AISystemUsed": f"Stable Diffusion, base model {inputs['base_model']}",
                "Iptc4xmpExt:AIPromptInformation": prompts,
            }
        ),
        "xmp:CreatorTool": SOFTWARE,
        **{f"saggar:{key}": text for key, text in texts(inputs).items()},
    }
    return _XMP.format(properties="\n".join(f"    {name}={_quoted(text)}" for name, text in properties.items()))


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))
