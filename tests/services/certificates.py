"""A certificate authority of our own, and certificates for databases on loopback."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    certificate: Path
    key: Path

    def issue(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key for `localhost`, and not for 127.0.0.1."""
        key, request, certificate = (folder / f"server.{end}" for end in ("key", "csr", "pem"))
        extensions = folder / "server.ext"
        extensions.write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", request)
        signer = ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"]
        _openssl("x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key


def authority(folder: Path, name: str) -> Authority:
    """A new authority."""
    made = Authority(folder / f"{name}.pem", folder / f"{name}.key")
    usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    subject = ["-subj", f"/CN={name}", "-days", "2", *usage]
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", made.key, "-out", made.certificate)
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)
