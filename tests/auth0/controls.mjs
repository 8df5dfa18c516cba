// What the sandbox must catch.

import assert from 'node:assert/strict';
import { Container } from './sandbox.mjs';

const plain = (more) => new Container({ configuration: {}, ...more });
const breaches = async (text, more, inputs = []) => (await plain(more).runText(text, 'login', inputs)).breaches;

const CONTROLS = [
  ['function login(callback) { callback(null); }', []],
  ['function login(callback) { callback(null); callback(null); }', ['it called back twice']],
  ['function login(callback) { callback("no"); }', ['it called back with an error that is none']],
  ['function login(callback) { callback(undefined, {}); }', ['it called back with an error that is none']],
  ['function login(callback) { callback(null, 1, 2); }', ['it called back with too many values']],
  ['function login(callback) { setTimeout(() => {}, 10); callback(null); }', ['it left a timer']],
  [
    'function login(callback) { callback(null); Promise.resolve().then(() => fetch("data:,x")); }',
    ['it used fetch after it had called back'],
  ],
  ['function login(callback) { callback(null); Promise.reject(new Error("x")); }', ['a promise was lost: Error: x']],
  ['function login(callback) { throw new Error("x"); }', ['it threw Error: x']],
  ['function other(callback) { callback(null); }', ['it is no function named login']],
  ['function login(callback) { require("axios"); }', ["it threw Error: Cannot find module 'axios'"]],
  ['function login(callback) { process.exit(0); }', ['it threw ReferenceError: process is not defined']],
  ['function login(callback) { eval("1"); }', ['it threw EvalError: Code generation from strings disallowed for this context']],
  [`function login(callback) { callback(null); } ${'/* x */'.repeat(15_000)}`, ['it has more than 100 kB']],
];

for (const [text, expected] of CONTROLS) assert.deepEqual(await breaches(text), expected, text);
assert.deepEqual(await breaches('function login() {}', { limit: 100 }), ['it took more than its time']);
const undeclared = 'function login(callback) { leak = 1; callback(null); }';
assert.deepEqual(await breaches(undeclared, { strict: true }), ['it threw ReferenceError: leak is not defined']);
const writes = 'function login(callback) { configuration.USERBRIDGE_URL = "x"; callback(null); }';
const [refused] = await breaches(writes, { strict: true });
assert.match(refused, /it threw TypeError/);
const talks = await plain().runText('function login(p, callback) { console.log(p); callback(null); }', 'login', ['secret']);
assert.deepEqual(talks.logged, ['secret']);
const echoes = await plain({ context: true }).runText(
  'function login(p, context, callback) { callback(null, [p, context]); }', 'login', ['a'], { organization: 1 });
assert.equal(JSON.stringify(echoes.result), '["a",{"organization":1}]');
console.log('controls hold');
