// openid-client finds the face by its metadata, logs a user in by a secret and by a signature, and asks who that is.

import { createPrivateKey } from 'node:crypto';
import * as client from 'openid-client';

const [base, id, secret, password, jwk] = process.argv.slice(2);
// The gateway under test speaks HTTP on this machine.
const options = { execute: [client.allowInsecureRequests] };
const pkcs8 = createPrivateKey({ key: JSON.parse(jwk), format: 'jwk' }).export({ type: 'pkcs8', format: 'der' });
const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
for (const [name, auth] of [
  [id, client.ClientSecretBasic(secret)],
  [id, client.ClientSecretPost(secret)],
  ['signer', client.PrivateKeyJwt(key)],
]) {
  const config = await client.discovery(new URL(`${base}/oauth2/people`), name, undefined, auth, options);
  const ask = { username: 'ann@example.com', password, scope: 'openid email' };
  const tokens = await client.genericGrantRequest(config, 'password', ask);
  const subject = tokens.claims().sub;
  const user = await client.fetchUserInfo(config, tokens.access_token, subject);
  const wrong = client.genericGrantRequest(config, 'password', { ...ask, password: 'another' });
  const error = await wrong.then(() => 'none', (error) => error.error);
  console.log(subject, user.email, user.sub, error);
}
