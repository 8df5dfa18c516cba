// The workflow of examples/kinde, with Kinde's own library and the globals that Kinde gives it.

import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import typescript from 'typescript';

const { gateway, key, password, examples } = JSON.parse(readFileSync(0, 'utf8'));
const source = readFileSync(`${examples}/kinde/kindeSrc/environment/workflows/userbridge/Workflow.ts`, 'utf8');
const options = { module: typescript.ModuleKind.ES2022, target: typescript.ScriptTarget.ES2022, verbatimModuleSyntax: true };
const built = new URL('kinde-workflow.mjs', import.meta.url);
writeFileSync(built, typescript.transpileModule(source, { compilerOptions: options }).outputText);

const KINDE = 'https://example.kinde.com';
let variables, told, calls, known, encryption;

// Kinde's management API, as far as the workflow uses it.
function api(method, path, body) {
  calls.push([method, path, body]);
  if (method === 'GET') return { users: known };
  return method === 'POST' ? { id: 'kp_new' } : { code: 'OK' };
}

async function send(url, { method, headers, body, responseFormat }, raw) {
  if (url.startsWith(`${KINDE}/api/v1/`)) return { json: api(method, url.slice(`${KINDE}/api/v1/`.length), body) };
  assert.equal(responseFormat, 'json');
  const answer = await fetch(url, { method, headers, body: raw ?? JSON.stringify(body) });
  return { json: await answer.json() };
}

// Nonce, tag and text, in Base64; nothing of the body is left plain.
function encrypted(body) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', encryption, nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify(body)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
}

globalThis.kinde = {
  env: { get: (name) => (name in variables ? { value: variables[name] } : undefined) },
  widget: { invalidateFormField: (...words) => told.push(words) },
  cache: { jwtToken: async () => 'token' },
  fetch: (url, options) => send(url, options),
  secureFetch: (url, options) => send(url, options, encrypted(options.body)),
};

const { default: workflow, workflowSettings } = await import(built);
assert.equal(workflowSettings.trigger, 'user:existing_password_provided');
assert.equal(workflowSettings.failurePolicy.action, 'stop');

async function ran(connector, providedEmail, typed, { secret = key, base = gateway, more = {}, user, auth = {} } = {}) {
  variables = { USERBRIDGE_URL: `${base}/kinde/${connector}`, USERBRIDGE_KEY: secret, ...more };
  Object.assign(variables, { KINDE_WF_M2M_CLIENT_ID: 'id', KINDE_WF_M2M_CLIENT_SECRET: 'secret' });
  [told, calls] = [[], []];
  const context = {
    domains: { kindeDomain: KINDE },
    auth: { providedEmail, password: typed, hashedPassword: 'hash', hasUserRecordInKinde: false, ...auth },
    workflow: { trigger: 'user:existing_password_provided' },
    ...(user ? { user } : {}),
  };
  await workflow({ request: { ip: '192.168.0.1', userAgent: 'x' }, context });
}

async function refuses(...given) {
  await ran(...given);
  assert.deepEqual(told, [['p_password', 'Email or password not found']]);
  assert.deepEqual(calls, []);
}

async function stops(message, ...given) {
  await assert.rejects(ran(...given), (error) => {
    assert(!`${error.stack}${error.cause}`.includes(password));
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual([told, calls], [[], []]);
}

const set = (id) => ['PUT', `users/${id}/password`, { hashed_password: 'hash' }];
await ran('people', 'ann@example.com', password);
const profile = { given_name: 'Ann', family_name: 'Lee' };
const identities = [{ type: 'email', details: { email: 'ann@example.com' } }];
assert.deepEqual(calls, [['POST', 'user', { profile, provided_id: 'people|1', identities }], set('kp_new')]);
console.log('right');
known = [{ id: 'kp_imported' }];
await ran('people', 'ann@example.com', password, { auth: { hasUserRecordInKinde: true } });
assert.deepEqual(calls, [['GET', 'users?email=ann%40example.com', undefined], set('kp_imported')]);
console.log('imported');
await ran('people', 'ann@example.com', password, { user: { id: 'kp_7' } });
assert.deepEqual(calls, [set('kp_7')]);
console.log('known by id');
await refuses('people', 'ann@example.com', 'another');
console.log('wrong');
await refuses('people', 'nobody@example.com', password);
console.log('unknown');
await refuses('people', 'denied@example.com', password);
console.log('denied');
await stops(/unavailable/, 'down', 'ann@example.com', password);
console.log('down');
encryption = Buffer.from('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', 'base64');
const more = { USERBRIDGE_ENCRYPTED: 'yes' };
// After some of these the connector's breaker is open.
await stops(/timeout|unavailable/, 'silent', 'ann@example.com', password, { more });
console.log('slow');
// The face that demands encryption has a store that never answers: that it asks at all shows that it could read.
await stops(/invalid_input/, 'silent', 'ann@example.com', password);
console.log('encrypted');
encryption = randomBytes(32);
await stops(/invalid_input/, 'silent', 'ann@example.com', password, { more });
console.log('encrypted otherwise');
await stops(/unauthorized/, 'people', 'ann@example.com', password, { secret: `${key}x` });
console.log('our key');
await stops(/fetch failed/, 'people', 'ann@example.com', password, { base: 'http://127.0.0.1:9' });
console.log('nobody there');
