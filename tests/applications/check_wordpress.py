"""Whether a password is right, as WordPress 6.8's wp_check_password computes it for `$wp$` hashes: the stored hash on
the first line of standard input, the password on the second; prints `true` or `false`. Several pairs may follow."""

import base64
import hashlib
import hmac
import sys

import bcrypt

sys.stdin.reconfigure(encoding="utf-8")
lines = sys.stdin.read().splitlines()
for stored, password in zip(lines[0::2], lines[1::2], strict=True):
    digest = hmac.new(b"wp-sha384", password.encode(), hashlib.sha384).digest()
    right = stored.startswith("$wp$2y$") and bcrypt.checkpw(base64.b64encode(digest), stored[3:].encode())
    print("true" if right else "false")
