"""botocore signs what a server has received. A JSON request a line, a JSON answer a line."""

import hashlib
import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signature(method, url, headers, body, service, region, key, secret, token):
    body = bytes.fromhex(body)
    authorization = headers.pop("authorization")
    signed = authorization.split("SignedHeaders=")[1].split(",")[0]
    if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return "x-amz-content-sha256 is not the hash of the body"
    if headers.get("x-amz-security-token") != token:
        return "x-amz-security-token is not the token"
    # Of what the client leaves out, botocore would know nothing.
    known = {name: value for name, value in headers.items() if name in signed.split(";")}
    request = AWSRequest(method=method, url=url, headers=known, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(key, secret, token), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    expected = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
        f"Signature={signer.signature(text, request)}"
    )
    return "right" if expected == authorization else f"expected {expected}, got {authorization}"


for line in sys.stdin:
    print(json.dumps(signature(**json.loads(line))), flush=True)
