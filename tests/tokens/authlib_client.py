"""Authlib gets a token from what the gateway publishes, and calls an action with it."""

import sys

from authlib.integrations.requests_client import OAuth2Session

base, client_id, client_secret = sys.argv[1:]
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(client_id, client_secret, scope="tiny:get_user", token_endpoint_auth_method=method)
    metadata = session.get(f"{base}/.well-known/oauth-authorization-server", withhold_token=True).json()
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert token["scope"] == "tiny:get_user", token
    answer = session.post(f"{base}/v1/connectors/tiny/get_user", json={"identifier": "ann@example.com"})
    assert answer.status_code == 200, answer.text
    print(answer.json()["user"]["email"])
