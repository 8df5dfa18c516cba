// The scripts before the real gateway, on the quick start's table: every action with every outcome.
// Arguments: the gateway's address, a client's id and secret, the secret of a client without scopes for the connector.

import assert from 'node:assert/strict';
import { Container, NAMES } from './sandbox.mjs';

const [url, id, secret, stranger] = process.argv.slice(2);
const OVERLONG = 'x'.repeat(5000);

const configuration = (more = {}) => ({
  USERBRIDGE_URL: `${url}/`,
  USERBRIDGE_CONNECTOR: 'users',
  USERBRIDGE_CLIENT_ID: id,
  USERBRIDGE_CLIENT_SECRET: secret,
  ...more,
});

async function run(container, action, inputs, context) {
  const outcome = await container.run(action, inputs, context);
  const told = `${outcome.error?.stack} ${JSON.stringify(outcome.error)}`;
  assert.deepEqual([outcome.breaches, outcome.logged, outcome.calls.length], [[], [], 1], action);
  for (const text of [secret, stranger, 'hello', 'a new password']) assert.ok(!told.includes(text), told);
  return outcome;
}

async function gives(container, action, inputs, expected, context) {
  const { error, result } = await run(container, action, inputs, context);
  assert.equal(error, null, `${action} ${inputs}: ${error}`);
  // Objects of the sandbox have other prototypes.
  assert.deepEqual(result && JSON.parse(JSON.stringify(result)), expected, `${action} ${inputs}`);
}

async function fails(container, action, inputs, name, members, context) {
  const { error } = await run(container, action, inputs, context);
  assert.equal(error?.name, name, `${action} ${inputs}: ${error}`);
  for (const [member, expected] of Object.entries(members)) {
    if (expected instanceof RegExp) assert.match(error[member], expected);
    else assert.equal(error[member], expected, action);
  }
}

const ann = {
  user_id: 'users|1',
  email: 'ann@example.com',
  username: 'ann',
  phone_number: '+15550100001',
  email_verified: true,
  phone_verified: false,
  app_metadata: { plan: 'gold' },
};

async function everyAction(container, name) {
  for (const identifier of ['ann@example.com', 'ann', '+15550100001']) {
    await gives(container, 'login', [identifier, 'hello'], ann);
    await gives(container, 'get_user', [identifier], ann);
  }
  for (const [identifier, password] of [['ann', 'Hello'], ['nobody@example.com', 'hello'], ['ann', ''], ['ann', OVERLONG]]) {
    const members = { userNameOrId: identifier, message: 'Wrong user name or password' };
    await fails(container, 'login', [identifier, password], 'WrongUsernameOrPasswordError', members);
  }
  await fails(container, 'login', ['bob@example.com', 'hello'], 'UnauthorizedError', { message: 'This account is locked' });
  await gives(container, 'get_user', ['nobody@example.com'], undefined);

  const email = `${name}@example.com`;
  const newUser = {
    client_id: 'c1', tenant: 't1', connection: 'users', email, username: name, password: 'hello', user_metadata: { a: 1 },
  };
  const { result: created } = await run(container, 'create', [newUser]);
  assert.deepEqual([created.email, created.username, created.email_verified], [email, name, false]);
  await fails(container, 'create', [newUser], 'ValidationError', { code: 'user_exists' });
  const overlong = { ...newUser, email: `other-${email}`, username: undefined, password: OVERLONG };
  await fails(container, 'create', [overlong], 'ValidationError', { code: 'invalid_password', message: /4096|bytes/ });
  const { result: found } = await run(container, 'login', [email, 'hello']);
  assert.equal(found.user_id, created.user_id);
  if (container.withContext) {
    await gives(container, 'get_user', [created.user_id], JSON.parse(JSON.stringify(found)), { identifierType: 'user_id' });
  }

  await gives(container, 'verify', [email], true);
  await gives(container, 'verify', [email], true);
  await gives(container, 'verify', ['nobody@example.com'], false);
  await gives(container, 'change_password', [email, 'a new password'], true);
  await gives(container, 'change_password', ['nobody@example.com', 'a new password'], false);
  await fails(container, 'change_password', [email, OVERLONG], 'ValidationError', { code: 'invalid_password' });
  await fails(container, 'login', [email, 'hello'], 'WrongUsernameOrPasswordError', {});

  const moved = `moved-${email}`;
  await gives(container, 'change_email', [email, moved, true], true);
  await gives(container, 'change_email', [email, moved, true], false);
  await fails(container, 'change_email', [moved, 'ann@example.com', false], 'ValidationError', { code: 'user_exists' });
  await gives(container, 'change_username', [name, `${name}2`], true);
  await gives(container, 'change_username', [name, `${name}3`], false);
  await fails(container, 'change_username', [`${name}2`, 'ann'], 'ValidationError', { code: 'user_exists' });
  const phone = `+49${name.length}${Date.now() % 1e9}`;
  const { result: carl } = await run(container, 'create', [{ email: `phone-${email}`, phone_number: phone, password: 'hello' }]);
  await gives(container, 'change_phone_number', [phone, `${phone}1`, true], true);
  await gives(container, 'change_phone_number', [phone, `${phone}1`], false);
  await fails(container, 'change_phone_number', [`${phone}1`, '+15550100001'], 'ValidationError', { code: 'user_exists' });
  const { result: after } = await run(container, 'login', [moved, 'a new password']);
  assert.deepEqual([after.username, after.email_verified], [`${name}2`, true]);

  for (const user of [after, carl]) {
    await gives(container, 'delete', [user.user_id], undefined);
    await gives(container, 'delete', [user.user_id], undefined);
    await gives(container, 'get_user', [user.email], undefined);
  }
  await fails(container, 'delete', ['42'], 'Error', { message: /cannot tell \(invalid_input,/ });
}

for (const [name, more] of [['plain', {}], ['context', { context: true }], ['strict', { strict: true, context: true }]]) {
  await everyAction(new Container({ configuration: configuration(), ...more }), name);
}

const INPUTS = {
  login: ['ann', 'hello'],
  get_user: ['ann'],
  create: [{ email: 'new@example.com', password: 'hello' }],
  verify: ['ann@example.com'],
  change_password: ['ann', 'hello'],
  change_email: ['ann@example.com', 'new@example.com', true],
  change_username: ['ann', 'new'],
  change_phone_number: ['+15550100001', '+1'],
  delete: ['users|1'],
};
for (const [more, message] of [
  [{ USERBRIDGE_CONNECTOR: 'down' }, /cannot tell \(unavailable, request [\w-]+\)/],
  [{ USERBRIDGE_CONNECTOR: 'absent' }, /cannot tell \(unknown_connector,/],
  [{ USERBRIDGE_CONNECTOR: '../../x' }, /cannot tell \(unknown_path,/],
  [{ USERBRIDGE_CLIENT_ID: 'stranger', USERBRIDGE_CLIENT_SECRET: stranger }, /cannot tell \(forbidden,/],
  [{ USERBRIDGE_CLIENT_SECRET: `${secret}x` }, /gives no token \(invalid_client, HTTP 401\)/],
  [{ USERBRIDGE_CLIENT_ID: 'nobody' }, /gives no token \(invalid_client, HTTP 401\)/],
]) {
  const container = new Container({ configuration: configuration(more) });
  for (const action of Object.keys(NAMES)) {
    const prefix = more.USERBRIDGE_CONNECTOR === 'down' && action === 'delete' ? ['down|1'] : INPUTS[action];
    await fails(container, action, prefix, 'Error', { message });
  }
}

// A token that the gateway does not accept, such as one of a key that is gone, is replaced by itself.
const container = new Container({ configuration: configuration() });
await gives(container, 'get_user', ['ann'], ann);
const [entry] = Object.values(container.global.userbridge);
Object.assign(entry, { token: `${entry.token}x`, promise: Promise.resolve(`${entry.token}x`) });
await gives(container, 'get_user', ['ann'], ann);
assert.notEqual(Object.values(container.global.userbridge)[0], entry);
console.log('actions hold');
