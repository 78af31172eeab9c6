"""Check the certificate files that a URL of Redis names, before a connection fails by them as if Redis were away."""

import ssl
from collections.abc import Mapping
from pathlib import Path


def check_certificates(options: Mapping[str, object]) -> None:
    """Read the files that a URL names by `ssl_ca_certs`, `ssl_ca_path`, `ssl_certfile` and `ssl_keyfile`.

    Raises:
        ValueError: one is missing, or isn't what its name says. The text names the parameter, not the file.
    """
    authorities, folder, certificate, key = (
        str(options[name]) if options.get(name) else None
        for name in ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities, which take long to read
    if folder and not Path(folder).is_dir():  # OpenSSL would not say so
        raise ValueError("names no folder by ssl_ca_path")
    try:
        if authorities:
            context.load_verify_locations(authorities)
    except OSError as error:
        raise ValueError(_describe("ssl_ca_certs", "certificates of authorities", error)) from None
    try:
        if certificate:
            context.load_cert_chain(certificate, key, password=str(options.get("ssl_password") or ""))
    except OSError as error:
        raise ValueError(_describe("ssl_certfile", "certificate with its key", error)) from None


def _describe(name: str, content: str, error: OSError) -> str:
    reason = f"holds no {content} in PEM" if isinstance(error, ssl.SSLError) else f"can't be read: {error.strerror}"
    return f"names a file by {name} that {reason}"
