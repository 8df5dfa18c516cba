// openid-client finds the gateway by its metadata, gets tokens by a secret and by a signature, and calls an action.

import { createPrivateKey } from 'node:crypto';
import * as client from 'openid-client';

const [base, id, secret, jwk] = process.argv.slice(2);
// The gateway under test speaks HTTP on this machine.
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };
const pkcs8 = createPrivateKey({ key: JSON.parse(jwk), format: 'jwk' }).export({ type: 'pkcs8', format: 'der' });
const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
for (const [name, auth] of [
  [id, client.ClientSecretBasic(secret)],
  [id, client.ClientSecretPost(secret)],
  ['signer', client.PrivateKeyJwt(key)],
]) {
  const config = await client.discovery(new URL(base), name, undefined, auth, options);
  const tokens = await client.clientCredentialsGrant(config, { scope: 'tiny:get_user' });
  const body = JSON.stringify({ identifier: 'ann@example.com' });
  const headers = new Headers({ 'content-type': 'application/json' });
  const url = new URL(`${base}/v1/connectors/tiny/get_user`);
  const answer = await client.fetchProtectedResource(config, tokens.access_token, url, 'POST', body, headers);
  console.log((await answer.json()).user.email);
}
