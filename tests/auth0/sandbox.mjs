// Auth0's sandbox for database scripts, as far as it is documented: what a script can name, how it is called, what it
// must not do. A breach is told, never repaired.

import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const LIMIT_BYTES = 100_000;
const LIMIT_MS = 20_000;

/** How long a script is watched after it called back. */
const AFTERWARDS_MS = 20;

/** The functions' names in Auth0's documentation. */
export const NAMES = {
  login: 'login',
  get_user: 'getUser',
  create: 'create',
  verify: 'verify',
  change_password: 'changePassword',
  change_email: 'changeEmail',
  change_username: 'changeUsername',
  change_phone_number: 'changePhoneNumber',
  delete: 'deleteUser',
};

class WrongUsernameOrPasswordError extends Error {
  constructor(userNameOrId, message) {
    super(message);
    this.name = 'WrongUsernameOrPasswordError';
    this.userNameOrId = userNameOrId;
  }
}

class ValidationError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'ValidationError';
    this.code = code;
  }
}

class UnauthorizedError extends Error {
  constructor(message) {
    super(message);
    this.name = 'UnauthorizedError';
  }
}

/** What one run did. */
class Watch {
  calls = [];
  breaches = [];
  logged = [];
  timers = new Set();
  called = undefined;

  done = new Promise((resolve) => {
    this.resolve = resolve;
  });

  breach(text) {
    this.breaches.push(text);
  }

  callback = (...given) => {
    this.calls.push(given);
    if (this.calls.length > 1) return this.breach('it called back twice');
    this.called = performance.now();
    const [error] = given;
    const isError = Object.prototype.toString.call(error) === '[object Error]';
    if (error !== null && !isError) this.breach('it called back with an error that is none');
    if (given.length > 2) this.breach('it called back with too many values');
    if (this.timers.size > 0) this.breach('it left a timer');
    setTimeout(() => this.resolve(), AFTERWARDS_MS);
  };

  guard(name, run) {
    return (...given) => {
      if (this.called !== undefined) this.breach(`it used ${name} after it had called back`);
      return run(...given);
    };
  }
}

/** One container: its `global` lives from run to run. */
export class Container {
  constructor({ configuration, context = false, strict = false, limit = LIMIT_MS }) {
    this.configuration = Object.freeze({ ...configuration });
    this.withContext = context;
    this.strict = strict;
    this.limit = limit;
    this.global = {};
  }

  /** Runs the script of an action on these inputs. */
  run(action, inputs, context = {}) {
    const text = readFileSync(new URL(`../../examples/auth0/databases/userbridge/${action}.js`, import.meta.url), 'utf8');
    return this.runText(text, NAMES[action], inputs, context);
  }

  async runText(text, name, inputs, context = {}) {
    const watch = new Watch();
    if (Buffer.byteLength(text) > LIMIT_BYTES) watch.breach('it has more than 100 kB');
    const began = performance.now();
    const timeLimit = setTimeout(() => {
      watch.breach('it took more than its time');
      watch.resolve();
    }, this.limit);
    const lost = (reason) => watch.breach(`a promise was lost: ${reason}`);
    process.on('unhandledRejection', lost);
    try {
      const script = this.compile(text, watch);
      if (typeof script !== 'function' || script.name !== name) watch.breach(`it is no function named ${name}`);
      script(...inputs, ...(this.withContext ? [context] : []), watch.callback);
    } catch (error) {
      watch.breach(`it threw ${error}`);
      watch.resolve();
    }
    await watch.done;
    clearTimeout(timeLimit);
    process.off('unhandledRejection', lost);
    const [error, result] = watch.calls[0] ?? [];
    const elapsed = (watch.called ?? performance.now()) - began;
    return { error, result, elapsed, calls: watch.calls, breaches: watch.breaches, logged: watch.logged };
  }

  compile(text, watch) {
    const log = (...given) => watch.logged.push(given.map(String).join(' '));
    const sandbox = {
      configuration: this.configuration,
      global: this.global,
      require: (name) => {
        throw new Error(`Cannot find module '${name}'`);
      },
      console: { log, info: log, warn: log, error: log, debug: log },
      fetch: watch.guard('fetch', (...given) => fetch(...given)),
      setTimeout: watch.guard('setTimeout', (run, ms, ...given) => {
        const timer = setTimeout(() => {
          watch.timers.delete(timer);
          run(...given);
        }, ms);
        watch.timers.add(timer);
        return timer;
      }),
      clearTimeout: (timer) => {
        watch.timers.delete(timer);
        clearTimeout(timer);
      },
      AbortSignal,
      Buffer,
      URL,
      URLSearchParams,
      WrongUsernameOrPasswordError,
      ValidationError,
      UnauthorizedError,
    };
    const strict = this.strict ? '"use strict";\n' : '';
    return vm.runInContext(`${strict}(${text}\n)`, vm.createContext(sandbox, { codeGeneration: { strings: false, wasm: false } }));
  }
}
