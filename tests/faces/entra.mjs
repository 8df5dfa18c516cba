// Makes what Microsoft Entra sends, with a library that is not ours: reads a JSON object of what is wanted by name, and
// writes their texts by the same names. Arguments: the key of the gateway, another one, and the key of the issuer.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';

const [key, other, issuer] = process.argv.slice(2).map((path) => createPrivateKey(readFileSync(path)));
const keys = { key, other, issuer };

// An encrypted context, of claims in a token without a signature, of a signed token, or of any text.
async function jwe({ header = {}, claims, signed, text, to = 'key' }) {
  if (claims) text = new jose.UnsecuredJWT(claims).encode();
  if (signed) {
    const secret = new TextEncoder().encode('a secret of thirty-two characters');
    text = await new jose.SignJWT(signed).setProtectedHeader({ alg: 'HS256' }).sign(secret);
  }
  const protectedHeader = { alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header };
  const encrypted = new jose.CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader(protectedHeader);
  return encrypted.encrypt(createPublicKey(keys[to]));
}

// A token of the issuer; without an algorithm, nobody signs it.
async function jwt({ header = {}, claims, expires = 300, by = 'issuer', unsecured = false }) {
  const now = Math.floor(Date.now() / 1000);
  const payload = { iat: now, nbf: now, exp: now + expires, ...claims };
  if (unsecured) return new jose.UnsecuredJWT(payload).encode();
  const protectedHeader = { alg: 'RS256', typ: 'JWT', kid: 'k1', ...header };
  return new jose.SignJWT(payload).setProtectedHeader(protectedHeader).sign(keys[by]);
}

const made = {};
for (const [name, wanted] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  made[name] = wanted.jwe ? await jwe(wanted.jwe) : await jwt(wanted.jwt);
}
console.log(JSON.stringify(made));
