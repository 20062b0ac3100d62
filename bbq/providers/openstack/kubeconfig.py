"""A kubeconfig for a Magnum cluster: a key of its own, its certificate signed by the cluster's authority.

https://docs.openstack.org/api-ref/container-infrastructure-management/#manage-certificates-for-cluster
"""

from __future__ import annotations

import base64
from typing import Any, Final

from bbq.providers.openstack.session import Cloud
from bbq.topology.values import Secret

_SERVICE: Final = "container-infrastructure-management"
_KEY_BITS: Final = 2048


def kubeconfig(cloud: Cloud, cluster: str, name: str, address: str) -> Secret:
    """Of an administrator, as text. Two calls; the key is made here and leaves this machine only in what is returned."""
    what = f"get the certificate of the cluster {name}"
    authority = cloud.get(_SERVICE, f"/certificates/{cluster}", what)["pem"]
    key, request = _request()
    body = {"cluster_uuid": cluster, "csr": request}
    signed = cloud.post(_SERVICE, "/certificates", f"sign a certificate of the cluster {name}", body, creates=False)["pem"]
    return Secret(document(name, address, authority, signed, key))


def document(name: str, address: str, authority: str, certificate: str, key: str) -> str:
    """https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/"""
    from yaml import safe_dump

    user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": address, "certificate-authority-data": _encoded(authority)}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin"}}],
        "current-context": name,
        "users": [{"name": "admin", "user": user}],
    }
    return str(safe_dump(content, sort_keys=False))


def _request() -> tuple[str, str]:
    """(key, signing request) in PEM. Kubernetes takes the organization for the group: its administrators."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, _KEY_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
