// The Lambda function of examples/cognito, called as Cognito calls it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { gateway, key, password, examples } = JSON.parse(readFileSync(0, 'utf8'));
const { handler } = await import(`file://${examples}/cognito/index.mjs`);
// Whatever it writes would stand in a log.
const written = [];
for (const name of ['log', 'info', 'warn', 'error', 'debug']) console[name] = (...words) => written.push(words);
const say = (line) => process.stdout.write(`${line}\n`);

const NO = 'Incorrect username or password';
const DOUBT = 'The user store cannot be asked now; try again later';

function event(userName, typed) {
  const nothing = { userAttributes: null, finalUserStatus: null, messageAction: null, desiredDeliveryMediums: null };
  return {
    version: '1',
    triggerSource: typed === undefined ? 'UserMigration_ForgotPassword' : 'UserMigration_Authentication',
    region: 'us-east-1',
    userPoolId: 'us-east-1_ABC',
    userName,
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: '1example23456789' },
    request: { ...(typed === undefined ? {} : { password: typed }), validationData: null, clientMetadata: null },
    response: { ...nothing, forceAliasCreation: null, enableSMSMFA: null },
  };
}

async function called(url, asked, secret = key) {
  process.env.USERBRIDGE_URL = url;
  process.env.USERBRIDGE_KEY = secret;
  return handler(asked, { getRemainingTimeInMillis: () => 5000 });
}

async function throws(message, ...call) {
  await assert.rejects(called(...call), (error) => {
    assert.equal(error.message, message);
    assert(!`${error.stack}${JSON.stringify(error)}${error.cause}`.includes(password));
    return true;
  });
}

const people = `${gateway}/cognito/people`;
const attributes = (email) => ({ email, email_verified: 'true', 'custom:plan': 'gold' });
const asked = event('ann@example.com', password);
const before = structuredClone(asked);
const given = await called(people, asked);
// All of the event comes back, with nothing but its response changed.
assert.deepEqual({ ...given, response: null }, { ...before, response: null });
assert.deepEqual(given.response, {
  userAttributes: attributes('ann@example.com'), finalUserStatus: 'CONFIRMED', messageAction: 'SUPPRESS',
  desiredDeliveryMediums: ['EMAIL'], forceAliasCreation: false,
});
say('right');
assert.equal((await called(people, event('stale', password))).response.finalUserStatus, 'RESET_REQUIRED');
say('out of date');
const forgotten = (await called(people, event('ann@example.com'))).response;
assert.deepEqual(forgotten.userAttributes, attributes('ann@example.com'));
assert(!('finalUserStatus' in forgotten));
say('forgotten');
await throws(NO, people, event('ann@example.com', 'another'));
say('wrong');
await throws(NO, people, event('nobody@example.com', password));
say('unknown');
await throws(NO, people, event('nobody@example.com'));
say('forgotten by a stranger');
await throws(DOUBT, `${gateway}/cognito/down`, event('ann@example.com', password));
say('down');
await throws(DOUBT, `${gateway}/cognito/silent`, event('ann@example.com', password));
say('slow');
await throws(DOUBT, people, event('ann@example.com', password), `${key}x`);
say('our key');
await throws(DOUBT, 'http://127.0.0.1:9/cognito/people', event('ann@example.com', password));
say('nobody there');

let answer;
const server = createServer((request, response) => answer(response)).listen(0, '127.0.0.1');
await new Promise((listening) => server.once('listening', listening));
const elsewhere = `http://127.0.0.1:${server.address().port}/`;
answer = (response) => response.writeHead(401, { 'content-type': 'text/html' }).end('<h1>Who are you?</h1>');
await throws(DOUBT, elsewhere, event('ann@example.com', password));
say('a page');
for (const body of ['{}', '[]', 'null', '{"userAttributes":null}', JSON.stringify({ ...asked, response: {} })]) {
  answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  await throws(DOUBT, elsewhere, event('ann@example.com', password));
}
say('an answer of another kind');
answer = () => {};
const started = performance.now();
await throws(DOUBT, elsewhere, event('ann@example.com', password));
const took = performance.now() - started;
assert(took > 4400 && took < 4950, `${took} ms`);
say('never');
server.closeAllConnections();
server.close();
assert.deepEqual(written, []);
