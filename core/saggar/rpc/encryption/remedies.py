"""What to look at where a connection fails as those do between one with TLS and one without, by gRPC's words."""

from __future__ import annotations

from collections.abc import Callable

from saggar.rpc.encryption.calling import ClientTls

_AT_CONNECTING = ("connections to all backends failing", "failed to connect to all addresses")


def connection_remedy(said: str, tls: ClientTls | None) -> str:
    """`said` is what gRPC says of a peer that is out of reach. Empty where TLS and other protocols are not at fault."""
    if not said.startswith(_AT_CONNECTING):
        return ""
    return next((remedy(said, tls) for words, remedy in _REMEDIES if any(each in said for each in words)), "")


def _not_trusted(said: str, tls: ClientTls | None) -> str:
    if "expired" in said:
        return "the service's certificate (its SAGGAR_TLS_CERT) has run out: renew it, or set this machine's clock"
    if "not yet valid" in said:
        return "the service's certificate (its SAGGAR_TLS_CERT) is not valid yet: set this machine's clock"
    file = f" ({tls.authorities})" if tls and tls.authorities else ""
    return (
        f"the service's certificate (its SAGGAR_TLS_CERT) is not by an authority of SAGGAR_TLS_CA{file}: name the "
        "authority that issued it there"
    )


def _other_host(_said: str, _tls: ClientTls | None) -> str:
    return (
        "the service's certificate (its SAGGAR_TLS_CERT) is not for the host of this address: call it by a name that "
        "stands in the certificate, or issue one for this name"
    )


def _no_tls(_said: str, _tls: ClientTls | None) -> str:
    return (
        "what answers there does not speak TLS, and these calls do: unset SAGGAR_TLS_CA (or tls=) where the service "
        "has no SAGGAR_TLS_CERT, or correct the address"
    )


def _silent(_said: str, tls: ClientTls | None) -> str:
    side = "has no SAGGAR_TLS_CERT: unset SAGGAR_TLS_CA" if tls else "has SAGGAR_TLS_CERT: set SAGGAR_TLS_CA"
    return f"something listens there and did not answer in time: it is very busy, is no service of Saggar, or {side}"


def _no_grpc(_said: str, tls: ClientTls | None) -> str:
    encrypted = "" if tls else ", or set SAGGAR_TLS_CA where the service has SAGGAR_TLS_CERT"
    return f"what answers there does not speak gRPC: correct the address (pages have another port){encrypted}"


def _ended(_said: str, tls: ClientTls | None) -> str:
    begin = "something listens there and ends the connection at once, as a service does"
    if tls is None:
        return f"{begin} that asks for TLS (its SAGGAR_TLS_CERT): set SAGGAR_TLS_CA (or tls=) for encrypted calls"
    if tls.certificate is None:
        return (
            f"{begin} that asks for a certificate (its SAGGAR_TLS_CLIENT_CA): set SAGGAR_TLS_CLIENT_CERT and "
            "SAGGAR_TLS_CLIENT_KEY"
        )
    return (
        f"{begin} that refuses the certificate {tls.certificate}: its SAGGAR_TLS_CLIENT_CA must name the authority "
        "that issued SAGGAR_TLS_CLIENT_CERT"
    )


def _other_tls(_said: str, _tls: ClientTls | None) -> str:
    return "TLS fails: compare SAGGAR_TLS_CA and SAGGAR_TLS_CLIENT_CERT here with SAGGAR_TLS_CERT of the service"


# By words of grpcio 1.85; the first that fits.
_REMEDIES: tuple[tuple[tuple[str, ...], Callable[[str, ClientTls | None], str]], ...] = (
    (("CERTIFICATE_VERIFY_FAILED",), _not_trusted),
    (("Hostname Verification",), _other_host),
    (("WRONG_VERSION_NUMBER", "HTTP_REQUEST"), _no_tls),
    (("before receiving SETTINGS frame", "Endpoint closing", "handshaker shutdown"), _silent),
    (("Failed parsing HTTP/2",), _no_grpc),
    (("Socket closed", "Connection reset by peer", "Broken pipe", "Handshake read failed"), _ended),
    (("handshake failed",), _other_tls),
)
