"""Whether applications would accept what was stored: each line of standard input is a JSON array of the kind of hash, the
password and the stored values; each line of the answer is `true` or `false`. By the standard library, bcrypt and
argon2-cffi alone, from the applications' own descriptions of their formats."""

import base64
import hashlib
import hmac
import html
import json
import re
import struct
import sys

import bcrypt
from argon2.low_level import Type, hash_secret_raw, verify_secret

LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def bcrypt_of(prefix, password, stored):
    return len(stored) == 60 and stored.startswith(prefix) and bcrypt.checkpw(password, stored.encode())


def phpass_text(data):
    number, text = int.from_bytes(data, "little"), ""
    for _ in range((len(data) * 8 + 5) // 6):
        text, number = text + LETTERS[number & 63], number >> 6
    return text


def drupal7(password, stored):
    digest = hashlib.sha512(stored[4:12].encode() + password).digest()
    for _ in range(1 << LETTERS.index(stored[3])):
        digest = hashlib.sha512(digest + password).digest()
    return len(stored) == 55 and stored[:12] + phpass_text(digest)[:43] == stored


def mediawiki(password, stored):
    empty, kind, digest, rounds, length, salt, output = stored.split(":")
    made = hashlib.pbkdf2_hmac(digest, password, base64.b64decode(salt), int(rounds), int(length))
    return (empty, kind, digest, length) == ("", "pbkdf2", "sha512", "64") and made == base64.b64decode(output)


def sha512_crypt(password, stored):
    import warnings

    warnings.simplefilter("ignore")
    import crypt

    return stored.startswith("$6$rounds=") and crypt.crypt(password.decode(), stored) == stored


def membership(password, stored, salt, kind):
    key = base64.b64decode(salt)
    made = hmac.new((key * 64)[:64], password.decode().encode("utf-16le"), hashlib.sha256).digest()
    return kind == 1 and len(key) == 16 and made == base64.b64decode(stored)


def identity2(password, stored):
    data = base64.b64decode(stored)
    return len(data) == 49 and data[0] == 0 and hashlib.pbkdf2_hmac("sha1", password, data[1:17], 1000, 32) == data[17:]


def identity3(password, stored):
    data = base64.b64decode(stored)
    mark, function, rounds, length = struct.unpack(">BIII", data[:13])
    made = hashlib.pbkdf2_hmac("sha512", password, data[13 : 13 + length], rounds, 32)
    return (mark, function, length) == (1, 2, 16) and made == data[13 + length :]


def keycloak(password, secret, credential):
    secret, credential = json.loads(secret), json.loads(credential)
    salt, rounds = base64.b64decode(secret["salt"]), credential["hashIterations"]
    made = hashlib.pbkdf2_hmac("sha512", password, salt, rounds, 64)
    return credential["algorithm"] == "pbkdf2-sha512" and made == base64.b64decode(secret["value"])


def magento(password, stored):
    digest, salt, version = stored.split(":")
    assert version == "3_32_2_67108864"
    return hash_secret_raw(password, salt.encode(), 2, 65536, 1, 32, Type.ID).hex() == digest


def opencart(password, stored, salt):
    sha1 = lambda text: hashlib.sha1(text).hexdigest().encode()
    salt = salt.encode()
    return len(salt) == 9 and sha1(salt + sha1(salt + sha1(password))).decode() == stored


def xenforo(password, data, scheme):
    match = re.fullmatch(r'a:1:\{s:4:"hash";s:60:"(.{60})";\}', data)
    return scheme == "XF:Core12" and bcrypt_of("$2y$", password, match[1])


def discourse(password, stored, salt, algorithm):
    rounds = int(re.fullmatch(r"\$pbkdf2-sha256\$i=(\d+),l=32\$", algorithm)[1])
    made = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), rounds, 32).hex()
    return len(salt) == 32 and made == stored


def gitea(password, stored, salt, algorithm):
    rounds = int(re.fullmatch(r"pbkdf2\$(\d+)\$50", algorithm)[1])
    made = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), rounds, 50).hex()
    return len(salt) == 10 and made == stored


def nextcloud(password, stored):
    return stored.startswith("3|$argon2id$") and verify_secret(stored[2:].encode(), password, Type.ID)


def odoo(password, stored):
    empty, name, rounds, salt, digest = stored.split("$")
    decode = lambda text: base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
    made = hashlib.pbkdf2_hmac("sha512", password, decode(salt), int(rounds))
    return (empty, name) == ("", "pbkdf2-sha512") and made == decode(digest)


KINDS = {
    "bcrypt-2a": lambda password, stored: bcrypt_of("$2a$", password, stored),
    "bcrypt-2b": lambda password, stored: bcrypt_of("$2b$", password, stored),
    "bcrypt-2y": lambda password, stored: bcrypt_of("$2y$", password, stored),
    "phpbb": lambda password, stored: bcrypt_of(
        "$2y$", html.escape(password.decode().strip()).replace("&#x27;", "'").encode(), stored
    ),
    "spring": lambda password, stored: stored.startswith("{bcrypt}") and bcrypt_of("$2a$", password, stored[8:]),
    "vbulletin": lambda password, stored, scheme: scheme == "blowfish:10"
    and bcrypt_of("$2y$", hashlib.md5(password).hexdigest().encode(), stored),
    "drupal7": drupal7,
    "mediawiki": mediawiki,
    "sha512-crypt": sha512_crypt,
    "membership": membership,
    "identity2": identity2,
    "identity3": identity3,
    "keycloak": keycloak,
    "magento": magento,
    "opencart": opencart,
    "xenforo": xenforo,
    "discourse": discourse,
    "gitea": gitea,
    "nextcloud": nextcloud,
    "odoo": odoo,
}

sys.stdin.reconfigure(encoding="utf-8")
for line in sys.stdin:
    kind, password, *values = json.loads(line)
    try:
        right = KINDS[kind](password.encode(), *values)
    except Exception as problem:  # a wrong password, or a value of another shape
        print(f"{kind}: {problem!r}", file=sys.stderr)
        right = False
    print("true" if right else "false")
