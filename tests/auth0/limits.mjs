// The scripts before a real gateway whose limits are reached: never a wrong password.
// Arguments: the gateway's address, a client's id and secret.

import assert from 'node:assert/strict';
import { Container } from './sandbox.mjs';

const [url, id, secret] = process.argv.slice(2);
const container = new Container({
  configuration: {
    USERBRIDGE_URL: url,
    USERBRIDGE_CONNECTOR: 'users',
    USERBRIDGE_CLIENT_ID: id,
    USERBRIDGE_CLIENT_SECRET: secret,
  },
});
const seen = [];
for (let attempt = 0; attempt < 6; attempt += 1) {
  const { error, breaches } = await container.run('login', ['bob@example.com', 'wrong']);
  assert.deepEqual(breaches, []);
  seen.push(error.name);
}
assert.deepEqual(seen.slice(0, 3), Array(3).fill('WrongUsernameOrPasswordError'));
assert.deepEqual(seen.slice(3), Array(3).fill('Error'));
const { error } = await container.run('login', ['bob@example.com', 'hello']);
assert.match(error.message, /\(rate_limited,/);
console.log('limits hold');
