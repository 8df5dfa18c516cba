// The script of examples/logto, run as Logto runs it: in a context of its own with little more than `fetch`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';

const { gateway, key, password, examples } = JSON.parse(readFileSync(0, 'utf8'));
const source = readFileSync(`${examples}/logto/action.js`, 'utf8');
const call = { fetch: (...given) => fetch(...given) };
const runAction = runInNewContext(`${source}\nrunAction`, Object.freeze({ ...call }));
const runPatiently = runInNewContext(`${source}\nrunAction`, Object.freeze({ ...call, AbortSignal }));

function event(type, value, typed, user = null) {
  const key = 'inlineHook.postFirstFactorVerification';
  return { key, interactionEvent: 'SignIn', verificationType: 'Password', identifier: { type, value }, user, password: typed };
}

async function ran(connector, asked, { secret = key, base = gateway, run = runAction } = {}) {
  const environmentVariables = { USERBRIDGE_URL: `${base}/logto/${connector}`, USERBRIDGE_KEY: secret };
  return run({ event: asked, environmentVariables });
}

async function throws(...given) {
  await assert.rejects(ran(...given), (error) => !`${error.stack}${error.cause}`.includes(password));
}

const user = {
  username: 'ann', primaryEmail: 'ann@example.com', primaryPhone: '+15550001', name: 'Ann Lee',
  profile: { givenName: 'Ann', familyName: 'Lee' }, customData: { user_id: 'people|1' },
};
const right = await ran('people', event('email', 'ann@example.com', password));
assert.deepEqual(right, { action: 'createUser', passwordVerified: true, user });
console.log('right');
const known = await ran('people', event('username', 'ann', password, { id: 'x', username: 'ann', customData: {}, profile: {} }));
assert.deepEqual(known, { action: 'updateUser', passwordVerified: true, user });
console.log('known there');
assert.equal(await ran('people', event('email', 'ann@example.com', 'another')), undefined);
console.log('wrong');
assert.equal(await ran('people', event('email', 'nobody@example.com', password)), undefined);
console.log('unknown');
assert.equal(await ran('people', event('email', 'denied@example.com', password)), undefined);
console.log('denied');
await throws('down', event('email', 'ann@example.com', password));
console.log('down');
await throws('silent', event('email', 'ann@example.com', password));
console.log('slow');
await throws('people', event('email', 'ann@example.com', password), { secret: `${key}x` });
console.log('our key');
await throws('people', event('email', 'ann@example.com', password), { base: 'http://127.0.0.1:9' });
console.log('nobody there');
const server = createServer(() => {}).listen(0, '127.0.0.1');
await new Promise((listening) => server.once('listening', listening));
const base = `http://127.0.0.1:${server.address().port}`;
await throws('people', event('email', 'ann@example.com', password), { base, run: runPatiently });
console.log('never');
server.closeAllConnections();
server.close();

let installed;
const tenant = createServer(async (request, response) => {
  const { method, url, headers } = request;
  installed = { method, url, authorization: headers.authorization, body: JSON.parse(await text(request)) };
  response.end('{}');
}).listen(0, '127.0.0.1');
await new Promise((listening) => tenant.once('listening', listening));
const environment = {
  PATH: process.env.PATH, LOGTO_ENDPOINT: `http://127.0.0.1:${tenant.address().port}`, LOGTO_TOKEN: 'token',
  USERBRIDGE_URL: `${gateway}/logto/people`, USERBRIDGE_KEY: key,
};
await promisify(execFile)(`${examples}/logto/install.sh`, { env: environment });
tenant.close();
const { script, environmentVariables, enabled } = installed.body;
assert.deepEqual([installed.method, installed.url, installed.authorization, enabled], [
  'PUT', '/api/configs/actions/inlineHook.postFirstFactorVerification', 'Bearer token', true,
]);
const run = runInNewContext(`${script}\nrunAction`, { ...call });
assert.deepEqual(await run({ event: event('email', 'ann@example.com', password), environmentVariables }), right);
console.log('installed');
