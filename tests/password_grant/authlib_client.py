"""Authlib logs a user in with what the face publishes, verifies the ID token, and asks who that is."""

import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt

base, client_id, client_secret, password = sys.argv[1:]
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(client_id, client_secret, scope="openid profile email", token_endpoint_auth_method=method)
    address = f"{base}/oauth2/people/.well-known/openid-configuration"
    metadata = session.get(address, withhold_token=True).json()
    token = session.fetch_token(metadata["token_endpoint"], username="ann@example.com", password=password)
    keys = JsonWebKey.import_key_set(session.get(metadata["jwks_uri"], withhold_token=True).json())
    required = {"iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": client_id}}
    claims = jwt.decode(token["id_token"], keys, claims_options=required)
    claims.validate()
    user = session.get(metadata["userinfo_endpoint"]).json()
    assert user["sub"] == claims["sub"], (user, claims)
    print(method, user["sub"], user["preferred_username"])
    try:
        session.fetch_token(metadata["token_endpoint"], username="ann@example.com", password="another")
    except OAuthError as error:
        assert error.error == "invalid_grant", error
    else:
        sys.exit("a wrong password is taken")
