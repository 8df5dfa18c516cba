"""Django OAuth Toolkit as a server with the password grant and a userinfo endpoint, over plain HTTP on this machine."""

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1] + "/oauth.db"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": open(sys.argv[1] + "/key.pem").read(),
        "OAUTH2_VALIDATOR_CLASS": __name__ + ".Validator",
        "SCOPES": {"openid": "who", "profile": "names", "email": "address"},
    },
)
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path
from oauth2_provider.models import get_application_model
from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"email": request.user.email, "email_verified": True, "preferred_username": request.user.username}


urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


sys.modules.setdefault("oauth_server", sys.modules[__name__])
call_command("migrate", verbosity=0)
users = get_user_model().objects
users.create_user("ann", "ann@example.com", "hello & welcome é")
users.create_user("bob", "bob@example.com", "hello", is_active=False)
Application = get_application_model()
for client, grant in [("gateway", Application.GRANT_PASSWORD), ("other", Application.GRANT_CLIENT_CREDENTIALS)]:
    Application.objects.create(
        client_id=client,
        client_secret="s3cr3t/+=:é",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=grant,
        algorithm="RS256",
    )
server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print(server.server_address[1], flush=True)
server.serve_forever()
