"""What images say of themselves: PNG text, XMP and signed content credentials."""

import datetime as dt
import io
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from saggar.errors import NotFoundError, WrongStateError
from saggar.store import DirectoryStore, put_image
from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.images.content_credentials import Signer
from saggar_generator.images.provenance import COMPOSITE, TRAINED_ALGORITHMIC_MEDIA, encode_png
from saggar_generator.requests import ImageRequest, PromptItem, StartImage
from saggar_generator.settings import GeneratorSettings
from tiny_generation import ITEMS, PROMPTS, run, train, use

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
OURS = "{urn:saggar:generation:}"
PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture(scope="module")
def models():
    return BaseModels(Placement("cpu", "float32"))


def properties(png):
    """The XMP properties of a PNG, by their full names."""
    packet = ET.fromstring(Image.open(io.BytesIO(png)).text["XML:com.adobe.xmp"].encode())  # noqa: S314 our own
    return next(node.attrib for node in packet.iter() if node.tag.endswith("Description"))


def test_images_say_that_they_are_synthetic_and_from_what(tmp_path, models, folder):
    store = DirectoryStore(tmp_path / "store")
    glaze, form = train(store, models, folder), train(store, models, folder, seed=1)
    items = [PromptItem("p", ImageRequest("white bowl <lora:form:0.75>", "blurry", -3))]
    done = run(store, models, folder, items, uses=[use(glaze, 0.4), use(form, 1.0, "form")])[0]
    png = store.read(done.image)
    image, about = Image.open(io.BytesIO(png)), properties(png)
    cards = [adapter.read_card(store, ref) for ref in (glaze, form)]
    mixed = sorted(
        ({"sha256": card.weights.sha256, "weight": weight} for card, weight in zip(cards, (0.4, 0.75), strict=True)),
        key=lambda one: one["sha256"],
    )
    assert image.size == (16, 16)
    for said in (image.text, {name.removeprefix(OURS): text for name, text in about.items()}):
        assert said["prompt"] == "white bowl"
        assert said["negative_prompt"] == "blurry"
        assert said["seed"] == "-3"
        assert said["base_model"] == cards[0].base_hash
        assert json.loads(said["adapters"]) == mixed
        assert json.loads(said["settings"])["scheduler"] == "dpmpp_2m_karras"
    assert about[IPTC + "DigitalSourceType"] == TRAINED_ALGORITHMIC_MEDIA
    assert about[IPTC + "AIPromptInformation"] == "white bowl\nNegative prompt: blurry"
    assert cards[0].base_hash in about[IPTC + "AISystemUsed"]
    made_from = json.loads(done.made_from)
    assert (made_from["prompt"], made_from["seed"], made_from["adapters"]) == ("white bowl", -3, mixed)
    (note,) = store.list("generated/")
    assert json.loads(store.get(note))["inputs"] == made_from


def test_an_image_from_a_photograph_is_a_composite(tmp_path, models, folder):
    store = DirectoryStore(tmp_path / "store")
    out = io.BytesIO()
    Image.fromarray(PICTURE).resize((16, 16)).save(out, "PNG")
    photograph = put_image(store, out.getvalue(), "png")
    items = [PromptItem("p", ImageRequest("white bowl", "", 1, StartImage(photograph, 0.7)))]
    png = store.read(run(store, models, folder, items)[0].image)
    assert properties(png)[IPTC + "DigitalSourceType"] == COMPOSITE
    said = json.loads(Image.open(io.BytesIO(png)).text["photograph"])
    assert said == {"sha256": photograph.sha256, "strength": 0.7}


def test_png_bytes_depend_on_their_inputs_alone():
    awkward = '月白釉 "vase" <a&b>\n\x07 \U0001f3fa'
    inputs = {"prompt": awkward, "base_model": "ab", "seed": 1}
    one, other = (encode_png(PICTURE, inputs) for _ in range(2))
    assert one == other
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(one))), PICTURE)
    assert Image.open(io.BytesIO(one)).text["prompt"] == awkward
    said = properties(one)[IPTC + "AIPromptInformation"]  # what XML cannot hold is replaced
    assert said == awkward.replace("\x07", "\ufffd")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    """(certificate chain, key) of a museum that vouches for itself, made for this test."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed; pip install saggar-generator[c2pa]")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(words):
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Some museum")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, words)])

    def usage(*, signs_certificates):
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            **never,
        )

    now = dt.datetime.now(dt.UTC)

    def certificate(subject, key, issuer, issuer_key, serial):
        authority = subject == issuer
        made = (
            x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), serial)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(usage(signs_certificates=authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if not authority:
            signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            made = made.add_extension(signing, critical=False)
        return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    place = tmp_path_factory.mktemp("credentials")
    chain, key = place / "chain.pem", place / "key.pem"
    chain.write_bytes(certificate("leaf", own, "root", root, 2) + certificate("root", root, "root", root, 1))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key.write_bytes(own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return chain, key


def read_credentials(png):
    import c2pa

    with c2pa.Reader("image/png", io.BytesIO(png)) as reader:
        return json.loads(reader.json())


def test_signed_images_carry_content_credentials(tmp_path, models, folder, credentials):
    store = DirectoryStore(tmp_path / "store")
    signer = Signer(*credentials)
    plain = run(store, models, folder, ITEMS[:1])[0]
    signed = run(store, models, folder, ITEMS[:1], signer=signer)[0]
    assert not signed.reused  # the unsigned one is no substitute
    assert run(store, models, folder, ITEMS[:1], signer=signer)[0].image == signed.image
    png = store.read(signed.image)
    before, after = (Image.open(io.BytesIO(store.read(one.image))) for one in (plain, signed))
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert before.text["prompt"] == after.text["prompt"]
    found = read_credentials(png)
    manifest = found["manifests"][found["active_manifest"]]
    (action,) = manifest["assertions"][0]["data"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", TRAINED_ALGORITHMIC_MEDIA)
    said = manifest["assertions"][1]["data"]
    assert (said["prompt"], said["seed"]) == (PROMPTS[0].prompt, PROMPTS[0].seed)
    assert said == json.loads(signed.made_from)
    assert manifest["signature_info"]["issuer"] == "Some museum"
    # Nothing is wrong but that nobody here has reason to trust the museum.
    assert [one["code"] for one in found["validation_status"]] == ["signingCredential.untrusted"]


def test_a_changed_picture_breaks_the_signature(credentials):
    png = encode_png(PICTURE, {"prompt": "bowl", "base_model": "ab"})
    signed = Signer(*credentials).sign(png, {"prompt": "bowl", "base_model": "ab"})
    changed = signed.replace(b"Software\x00\x00\x00\x00\x00Saggar", b"Software\x00\x00\x00\x00\x00Camera")
    assert changed != signed
    codes = [one["code"] for one in read_credentials(changed)["validation_status"]]
    assert "assertion.dataHash.mismatch" in codes


def test_credentials_that_cannot_sign_are_named(tmp_path, credentials):
    chain, key = credentials
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    with pytest.raises(NotFoundError, match=r"SAGGAR_C2PA_KEY: .*missing\.pem"):
        Signer(chain, tmp_path / "missing.pem")
    with pytest.raises(WrongStateError, match="no PEM certificates"):
        Signer(nonsense, key)
    with pytest.raises(WrongStateError, match="no PEM key"):
        Signer(chain, nonsense)
    turned = tmp_path / "turned.pem"
    pieces = chain.read_text().split("-----END CERTIFICATE-----\n")
    turned.write_text("-----END CERTIFICATE-----\n".join([pieces[1], pieces[0], ""]))
    with pytest.raises(WrongStateError, match="not the key of the first"):
        Signer(turned, key)


def test_certificate_and_key_belong_together():
    with pytest.raises(ValueError, match="give both or neither"):
        GeneratorSettings(c2pa_key="key.pem")
