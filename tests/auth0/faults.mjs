// The scripts before gateways that are down, slow, strange, or of another opinion of the token.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Container, NAMES } from './sandbox.mjs';

// Many runs at once each look for lost promises.
process.setMaxListeners(0);

const SECRET = 'the-clients-secret';
const PASSWORD = 'the-users-password';
const TOKEN = 'the-token';

const INPUTS = {
  login: ['ann@example.com', PASSWORD],
  get_user: ['ann@example.com'],
  create: [{ email: 'ann@example.com', password: PASSWORD, tenant: 't', client_id: 'c', connection: 'x', plan: 'gold', size: 7 }],
  verify: ['ann@example.com'],
  change_password: ['ann@example.com', PASSWORD],
  change_email: ['ann@example.com', 'new@example.com', true],
  change_username: ['ann', 'new'],
  change_phone_number: ['+1', '+2', false],
  delete: ['users|1'],
};
const ACTIONS = Object.keys(NAMES);

/** A gateway that answers as it is told; it counts what it is asked. */
async function fake(answers) {
  const asked = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => (body += piece));
    request.on('end', () => {
      const { url, headers, method } = request;
      asked.push({ url, headers, method, body });
      const path = url === '/oauth/token' ? 'token' : 'action';
      const send = (status, text, type = 'application/json', more = {}) => {
        response.writeHead(status, { 'content-type': type, 'x-request-id': 'req-7', ...more });
        response.end(typeof text === 'string' ? text : JSON.stringify(text));
      };
      const own = answers[path] ?? (path === 'token' ? granted() : answered({ changed: true }));
      own({ send, response, count: asked.filter((other) => other.url === url).length, headers, body });
    });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url, asked, tokens: () => asked.filter((one) => one.url === '/oauth/token').length, close };
}

const granted = (more = {}) => ({ send }) =>
  send(200, { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600, ...more });
const answered = (content) => ({ send }) => send(200, content);
const problem = (status, code, more = {}) => ({ send }) =>
  send(status, { type: `urn:userbridge:problem:${code}`, title: 'x', status, code, ...more }, 'application/problem+json');

const configuration = (url, more = {}) => ({
  USERBRIDGE_URL: url,
  USERBRIDGE_CONNECTOR: 'users',
  USERBRIDGE_CLIENT_ID: 'auth0',
  USERBRIDGE_CLIENT_SECRET: SECRET,
  ...more,
});

/** What a run gave, once it kept to every rule and told no secret. */
async function run(container, action, inputs = INPUTS[action], context = {}) {
  const outcome = await container.run(action, inputs, context);
  assert.deepEqual(outcome.breaches, [], action);
  assert.equal(outcome.calls.length, 1, action);
  assert.deepEqual(outcome.logged, [], `${action} logs`);
  const told = `${outcome.error} ${outcome.error?.stack} ${JSON.stringify(outcome.error)}`;
  for (const secret of [SECRET, PASSWORD, TOKEN]) assert.ok(!told.includes(secret), `${action} tells ${secret}: ${told}`);
  return outcome;
}

async function on(answers, check, more) {
  const gateway = await fake(answers);
  try {
    await check(gateway, new Container({ configuration: configuration(gateway.url, more?.settings), ...more }));
  } finally {
    await gateway.close();
  }
}

/** A doubt is a plain error, never one that Auth0 takes for a "no". */
function isDoubt(outcome, pattern, what) {
  assert.equal(outcome.error?.name, 'Error', `${what}: ${outcome.error} ${JSON.stringify(outcome.result)}`);
  assert.match(outcome.error.message, pattern, what);
  assert.equal(outcome.result, undefined);
}

async function doubts(name, answers, pattern, { actions = ACTIONS, ...more } = {}) {
  for (const action of actions) {
    await on(answers, async (_, container) => isDoubt(await run(container, action), pattern, `${name}: ${action}`), more);
  }
}

const quick = { settings: { USERBRIDGE_TIMEOUT_MS: '150' } };

// Every doubt, in every script.
await doubts('503', { action: problem(503, 'unavailable') }, /cannot tell \(unavailable, request req-7\)/);
await doubts('504', { action: problem(504, 'timeout') }, /\(timeout,/);
await doubts('429', { action: problem(429, 'rate_limited') }, /\(rate_limited,/);
await doubts('500', { action: problem(500, 'ambiguous_user') }, /\(ambiguous_user,/);
await doubts('403 of the client', { action: problem(403, 'forbidden') }, /\(forbidden,/);
await doubts('400', { action: problem(400, 'invalid_input') }, /\(invalid_input,/);
await doubts('501', { action: problem(501, 'action_not_declared') }, /\(action_not_declared,/);
await doubts('404 of the path', { action: problem(404, 'unknown_path') }, /\(unknown_path,/);
await doubts('a code of tomorrow', { action: problem(418, 'teapot') }, /\(teapot,/);
await doubts('a page of a proxy', { action: ({ send }) => send(502, '<html>', 'text/html') }, /not the gateway's own \(HTTP 502\)/);
for (const status of [200, 401, 403, 404, 409, 422]) {
  await doubts(`HTML ${status}`, { action: ({ send }) => send(status, '<html>', 'text/html') }, /not the gateway's own/);
  await doubts(`JSON ${status}`, { action: ({ send }) => send(status, { message: 'x' }) }, /own|cannot tell/);
}
await doubts('a status that is not the problem\'s', { action: ({ send }) =>
  send(404, { status: 401, code: 'wrong_credentials' }, 'application/problem+json') }, /own/);
await doubts('no JSON', { action: ({ send }) => send(200, '{"user":') }, /own/);
await doubts('a list', { action: ({ send }) => send(200, [1]) }, /own/);
await doubts('"ok" is no problem', { action: problem(400, 'ok') }, /own/);
await doubts('nothing in it', { action: answered({}) }, /cannot tell/);
const profiles = ['login', 'get_user'];
for (const user of [{}, null, { user_id: '' }, { user_id: 7 }, 'ann']) {
  await doubts('a user without an id', { action: answered({ user }) }, /no_user/, { actions: [...profiles, 'create'] });
}
await doubts('a redirect', { action: ({ send }) => send(302, '', 'text/plain', { location: '/x' }) }, /cannot be reached/);
await doubts('a broken connection', { action: ({ response }) => response.destroy() }, /cannot be reached/);
await doubts('half an answer', { action: ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"user":');
  setTimeout(() => response.destroy(), 20);
} }, /cannot be reached/);
await doubts('silence', { action: () => {} }, /not answer in time/, quick);
await doubts('a body that drips', { action: ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const drip = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(drip));
} }, /not answer in time/, quick);

// No token, no answer.
await doubts('a refused token', { token: ({ send }) => send(401, { error: 'invalid_client' }) }, /no token \(invalid_client, HTTP 401\)/);
await doubts('a crowd', { token: ({ send }) => send(429, { error: 'temporarily_unavailable' }) }, /no token \(temporarily_unavailable/);
await doubts('a strange token', { token: granted({ token_type: 'mac' }) }, /no token/);
await doubts('an empty token', { token: granted({ access_token: '' }) }, /no token/);
await doubts('a page for a token', { token: ({ send }) => send(200, '<html>', 'text/html') }, /no token/);
await doubts('a silent issuer', { token: () => {} }, /not answer in time/, quick);

// A gateway that is down.
const gone = await fake({});
await gone.close();
for (const action of ACTIONS) {
  const outcome = await run(new Container({ configuration: configuration(gone.url) }), action);
  isDoubt(outcome, /cannot be reached \(ECONNREFUSED\)/, action);
}

// The default limit of time leaves the sandbox's own alone.
await on({ action: () => {} }, async (_, container) => {
  const outcome = await run(container, 'login');
  isDoubt(outcome, /not answer in time/, 'the default');
  assert.ok(outcome.elapsed > 9_000 && outcome.elapsed < 12_000, `${outcome.elapsed}`);
});

// What is said where, and the classes of errors.
for (const more of [{}, { context: true }, { strict: true }, { context: true, strict: true }]) {
  await on({ action: problem(401, 'wrong_credentials') }, async (_, container) => {
    const { error } = await run(container, 'login');
    assert.deepEqual([error.name, error.userNameOrId], ['WrongUsernameOrPasswordError', 'ann@example.com']);
  }, more);
  await on({ action: problem(403, 'denied', { detail: 'Locked, Ütz' }) }, async (_, container) => {
    const { error } = await run(container, 'login');
    assert.deepEqual([error.name, error.message], ['UnauthorizedError', 'Locked, Ütz']);
  }, more);
  await on({ action: problem(404, 'not_found') }, async (_, container) => {
    const { error, result, calls } = await run(container, 'get_user');
    assert.deepEqual([error, result, calls[0].length], [null, undefined, 1]);
  }, more);
  for (const action of ['create', 'change_email', 'change_username', 'change_phone_number']) {
    await on({ action: problem(409, 'user_exists') }, async (_, container) => {
      const { error } = await run(container, action);
      assert.deepEqual([error.name, error.code], ['ValidationError', 'user_exists']);
    }, more);
  }
  for (const action of ['create', 'change_password', 'change_email', 'change_username', 'change_phone_number']) {
    await on({ action: problem(422, 'rejected', { reason: 'invalid_password', detail: 'Too short' }) }, async (_, container) => {
      const { error } = await run(container, action);
      assert.deepEqual([error.name, error.code, error.message], ['ValidationError', 'invalid_password', 'Too short']);
    }, more);
  }
  for (const changed of [true, false]) {
    for (const action of ['verify', 'change_password', 'change_email', 'change_username', 'change_phone_number']) {
      await on({ action: answered({ changed }) }, async (_, container) => {
        const { error, result } = await run(container, action);
        assert.deepEqual([error, result], [null, changed]);
      }, more);
    }
    await on({ action: answered({ changed }) }, async (_, container) => {
      const { error, calls } = await run(container, 'delete');
      assert.deepEqual([error, calls[0].length], [null, 1]);
    }, more);
  }
  for (const content of [{ created: true }, { user: { user_id: 'users|1' } }]) {
    await on({ action: answered(content) }, async (_, container) => {
      const { error, result } = await run(container, 'create');
      assert.equal(error, null);
      assert.equal(JSON.stringify(result), JSON.stringify(content.user));
    }, more);
  }
}
// A "no" of one action is none of another's.
await doubts('wrong credentials', { action: problem(401, 'wrong_credentials') }, /cannot tell/, { actions: ACTIONS.slice(1) });
await doubts('not found', { action: problem(404, 'not_found') }, /cannot tell/, { actions: ACTIONS.filter((a) => a !== 'get_user') });

// What the gateway is asked.
await on({ action: answered({ user: { user_id: 'users|1' }, changed: true }) }, async (gateway, container) => {
  const organization = { id: 'org_1', name: 'acme' };
  for (const action of ACTIONS) await run(container, action, INPUTS[action], { organization, identifierType: 'email' });
  await run(container, 'get_user', ['users|7'], { identifierType: 'user_id' });
  assert.equal(gateway.tokens(), 1, 'one token serves all scripts of a container');
  const [token, ...calls] = gateway.asked;
  assert.equal(new URLSearchParams(token.body).get('grant_type'), 'client_credentials');
  const bodies = calls.map((call) => JSON.parse(call.body));
  const context = { organization };
  assert.deepEqual(bodies, [
    { identifier: 'ann@example.com', password: PASSWORD, context },
    { identifier: 'ann@example.com', context },
    { email: 'ann@example.com', password: PASSWORD, plan: 'gold' },
    { email: 'ann@example.com' },
    { identifier: 'ann@example.com', password: PASSWORD },
    { email: 'ann@example.com', new_email: 'new@example.com', verified: true },
    { username: 'ann', new_username: 'new' },
    { phone_number: '+1', new_phone_number: '+2', verified: false },
    { user_id: 'users|1' },
    { user_id: 'users|7', context: {} },
  ]);
  assert.deepEqual(calls.map((call) => call.url.split('/').pop()), [...ACTIONS, 'get_user']);
  assert.ok(calls.every((call) => call.headers.authorization === `Bearer ${TOKEN}` && call.method === 'POST'));
}, { context: true, settings: { USERBRIDGE_CREATE_FIELDS: 'plan, absent' } });
await on({}, async (gateway, container) => {
  await run(container, 'change_phone_number', ['+1', '+2']);
  await run(container, 'change_email', ['a@b', 'c@d', undefined]);
  assert.deepEqual(gateway.asked.slice(1).map((call) => Object.keys(JSON.parse(call.body)).length), [2, 2]);
});

// Tokens: once for many, anew before they expire, and once more when they are refused.
await on({ token: ({ send }) => setTimeout(() => granted()({ send }), 50) }, async (gateway, container) => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => run(container, 'verify')));
  assert.ok(outcomes.every((outcome) => outcome.result === true));
  assert.equal(gateway.tokens(), 1, 'twenty at once share one request for a token');
  const elsewhere = new Container({ configuration: configuration(gateway.url) });
  await run(elsewhere, 'verify');
  assert.equal(gateway.tokens(), 2, 'another container has its own');
});
await on({ token: granted({ expires_in: 0.2 }) }, async (gateway, container) => {
  await run(container, 'verify');
  await run(container, 'verify');
  await new Promise((later) => setTimeout(later, 200));
  await run(container, 'verify');
  assert.ok(gateway.tokens() >= 2, 'a token that is about to expire is not used');
});
const refusing = (times) => ({ send, count }) =>
  count <= times ? problem(401, 'unauthorized')({ send }) : answered({ changed: true })({ send });
await on({ action: refusing(1) }, async (gateway, container) => {
  assert.equal((await run(container, 'verify')).result, true);
  assert.deepEqual([gateway.asked.length, gateway.tokens()], [4, 2], 'a refused token is replaced once');
});
await on({ action: refusing(9) }, async (gateway, container) => {
  isDoubt(await run(container, 'verify'), /\(unauthorized,/, 'always refused');
  assert.deepEqual([gateway.asked.length, gateway.tokens()], [4, 2], 'and not for ever');
});
let failing = true;
const recovering = ({ send }) => (failing ? send(503, '', 'text/plain') : granted()({ send }));
await on({ token: recovering }, async (_, container) => {
  isDoubt(await run(container, 'verify'), /no token/, 'an issuer that fails');
  failing = false;
  assert.equal((await run(container, 'verify')).result, true, 'a failure is not kept');
});

// Settings.
for (const [more, pattern] of [
  [{ USERBRIDGE_URL: undefined }, /setting USERBRIDGE_URL is missing/],
  [{ USERBRIDGE_CONNECTOR: '' }, /setting USERBRIDGE_CONNECTOR is missing/],
  [{ USERBRIDGE_CLIENT_ID: undefined }, /setting USERBRIDGE_CLIENT_ID is missing/],
  [{ USERBRIDGE_CLIENT_SECRET: undefined }, /setting USERBRIDGE_CLIENT_SECRET is missing/],
  [{ USERBRIDGE_URL: 'http://users.example.com' }, /must begin with https/],
  [{ USERBRIDGE_URL: 'http://127.0.0.1.example.com' }, /must begin with https/],
]) {
  for (const action of ACTIONS) {
    isDoubt(await run(new Container({ configuration: configuration('http://127.0.0.1:1', more) }), action), pattern, action);
  }
}
console.log('faults hold');
