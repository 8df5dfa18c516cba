// Change Password: paste it as it is. What it needs stands in the connection's configuration; see the README.
function changePassword(email, newPassword, context, callback) {
  run(arguments, 2, async () => {
    const answer = await ask('change_password', { identifier: email, password: newPassword });
    switch (answer.code) {
      case 'ok':
        return changed(answer);
      case 'rejected':
        throw new ValidationError(word(answer.reason), answer.detail);
      default:
        throw doubt(answer);
    }
  });

  // ---- From here to the end, every script is the same. ----

  /** Does the work and calls back exactly once; whatever is thrown goes there too. */
  function run(given, inputs, work) {
    const callback = given[given.length - 1];
    const context = given.length > inputs + 1 ? given[inputs] : undefined;
    work(context || {}).then(
      (result) => (result === undefined ? callback(null) : callback(null, result)),
      (error) => callback(error)
    );
  }

  /** What the gateway answers: `ok` with its body, or the code of a problem that it tells. */
  async function ask(action, body) {
    const settings = read();
    const deadline = Date.now() + settings.timeout;
    const url = `${settings.url}/v1/connectors/${settings.connector}/${action}`;
    for (let attempt = 1; ; attempt += 1) {
      const token = await accessToken(settings, deadline);
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = judge(await post(url, headers, JSON.stringify(body), deadline));
      // The gateway's keys may have changed, or the clocks differ: a new token is worth one more request.
      if (answer.code !== 'unauthorized' || attempt === 2) return answer;
      forget(settings, token);
    }
  }

  function read() {
    const value = (name) => {
      const text = configuration[name];
      if (typeof text !== 'string' || text === '') throw new Error(`Userbridge: the setting ${name} is missing`);
      return text;
    };
    const url = value('USERBRIDGE_URL').replace(/\/+$/, '');
    if (!/^https:\/\//.test(url) && !/^http:\/\/(127\.0\.0\.1|localhost)(:|\/|$)/.test(url)) {
      throw new Error('Userbridge: USERBRIDGE_URL must begin with https://');
    }
    return {
      url,
      connector: encodeURIComponent(value('USERBRIDGE_CONNECTOR')),
      client: value('USERBRIDGE_CLIENT_ID'),
      secret: value('USERBRIDGE_CLIENT_SECRET'),
      // The sandbox ends a script after 20 seconds; the gateway answers long before.
      timeout: Math.min(Number(configuration.USERBRIDGE_TIMEOUT_MS) || 10000, 15000),
    };
  }

  function judge({ status, type, content, request }) {
    if (status === 200 && type === 'application/json' && content) return { code: 'ok', body: content, request };
    const told = type === 'application/problem+json' && content && content.status === status;
    if (!told || typeof content.code !== 'string' || content.code === 'ok') {
      throw new Error(`Userbridge: an answer that is not the gateway's own (HTTP ${status})`);
    }
    return { code: content.code, detail: content.detail, reason: content.reason, request };
  }

  /** The error for whatever is neither a yes nor a no: Auth0 must never take it for a wrong password. */
  function doubt({ code, request }) {
    return new Error(`Userbridge cannot tell (${word(code)}, request ${word(request)})`);
  }

  function user(answer) {
    const found = answer.body.user;
    const named = found && typeof found.user_id === 'string' && found.user_id !== '';
    if (!named) throw doubt({ ...answer, code: 'no_user' });
    return found;
  }

  function changed(answer) {
    if (typeof answer.body.changed !== 'boolean') throw doubt({ ...answer, code: 'no_result' });
    return answer.body.changed;
  }

  /** Only plain words of an answer reach a message. */
  function word(text) {
    return typeof text === 'string' && /^[\w-]{1,64}$/.test(text) ? text : 'unknown';
  }

  /** A token for all scripts of this container, asked for once however many need it. */
  async function accessToken(settings, deadline) {
    const cache = global.userbridge || (global.userbridge = {});
    const key = `${settings.client} ${settings.url}`;
    let entry = cache[key];
    if (!entry || entry.until <= Date.now()) {
      entry = { token: undefined, until: Date.now() + settings.timeout };
      cache[key] = entry;
      entry.promise = grant(settings, entry).catch((error) => {
        if (cache[key] === entry) delete cache[key];
        throw error;
      });
      entry.promise.catch(() => {});
    }
    return within(entry.promise, deadline);
  }

  async function grant(settings, entry) {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: settings.client,
      client_secret: settings.secret,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await post(`${settings.url}/oauth/token`, headers, form.toString(), entry.until);
    const { access_token: token, token_type: kind, expires_in: seconds } = answer.content || {};
    if (answer.status !== 200 || typeof token !== 'string' || token === '' || !/^bearer$/i.test(kind)) {
      const code = word(answer.content && (answer.content.error || answer.content.code));
      throw new Error(`Userbridge gives no token (${code}, HTTP ${answer.status})`);
    }
    const life = seconds > 0 ? seconds : 60;
    entry.token = token;
    entry.until = Date.now() + 1000 * Math.max(life - 60, life / 2);
    return token;
  }

  function forget(settings, token) {
    const cache = global.userbridge || {};
    const key = `${settings.client} ${settings.url}`;
    if (cache[key] && cache[key].token === token) delete cache[key];
  }

  async function post(url, headers, body, deadline) {
    const signal = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
    try {
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal });
      const text = await response.text();
      const type = (response.headers.get('content-type') || '').split(';')[0].trim().toLowerCase();
      return { status: response.status, type, content: parsed(text), request: response.headers.get('x-request-id') };
    } catch (error) {
      if (signal.aborted) throw new Error('Userbridge did not answer in time');
      throw new Error(`Userbridge cannot be reached (${word(error.cause && error.cause.code)})`);
    }
  }

  /** The object that a text holds. */
  function parsed(text) {
    try {
      const value = JSON.parse(text);
      return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  function within(promise, deadline) {
    let timer;
    const late = new Promise((_, reject) => {
      const end = () => reject(new Error('Userbridge did not answer in time'));
      timer = setTimeout(end, Math.max(1, deadline - Date.now()));
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }
}
