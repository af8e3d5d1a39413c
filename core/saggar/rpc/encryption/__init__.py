"""Encrypted calls: what a caller shows, the files that both sides name, and what to do where a connection fails."""

from saggar.rpc.encryption.calling import ClientTls, client_credentials, client_tls
from saggar.rpc.encryption.remedies import connection_remedy

__all__ = ["ClientTls", "client_credentials", "client_tls", "connection_remedy"]
