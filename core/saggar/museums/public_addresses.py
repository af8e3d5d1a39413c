"""Connections to public addresses only: the one that was really connected to is looked at, not what a name says."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class PrivateAddressError(Exception):
    """A name stands for this machine or a private network."""


class _PublicConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _public(super()._new_conn(), self.host)


class _PublicSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _public(super()._new_conn(), self.host)


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PublicSecureConnection


class PublicAdapter(HTTPAdapter):
    """Of a session of requests: raises PrivateAddressError before a byte is sent to a private address.

    A proxy of the environment decides by itself whom it talks to, and may be a private one.
    """

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicSecurePool}


def _public(connection: socket.socket, host: str) -> socket.socket:
    address = connection.getpeername()[0].partition("%")[0]
    found = ipaddress.ip_address(address)
    if not (getattr(found, "ipv4_mapped", None) or found).is_global:
        connection.close()
        raise PrivateAddressError(
            f"'{host}' is this machine or a private network ({address}); allow those with --allow-private-addresses"
        )
    return connection
