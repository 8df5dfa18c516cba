// What people write by hand instead of a definition: `get_user` and `login` over one `users` table (the quick start's),
// behind an API key, with the same answers. It is tuned as its authors would: a warm pool, named statements, native
// hashing.
//
//     npm ci --ignore-scripts && DATABASE_URL=postgres://… API_KEY=secret PORT=3000 npm start
'use strict';

const crypto = require('node:crypto');
const express = require('express');
const { Pool } = require('pg');
const argon2 = require('argon2');
const bcrypt = require('bcrypt');

const { DATABASE_URL, API_KEY, PORT = '3000' } = process.env;
if (!DATABASE_URL || !API_KEY) throw new Error('DATABASE_URL and API_KEY must be set');

const pool = new Pool({ connectionString: DATABASE_URL, max: 10 });
const digest = (text) => crypto.createHash('sha256').update(text).digest();
const keyDigest = digest(API_KEY);
// An unknown user costs as much time as a wrong password.
const decoy = argon2.hash('decoy', { memoryCost: 19456, timeCost: 2, parallelism: 1 });

const app = express();
app.disable('x-powered-by').disable('etag');
app.use(authenticate, express.json({ limit: '100kb' }));

app.post('/get_user', async (request, response) => {
  const { identifier } = request.body ?? {};
  if (typeof identifier !== 'string') return problem(response, 422, 'invalid_input');
  const row = await find(identifier);
  if (!row) return problem(response, 404, 'not_found');
  response.json({ user: profile(row) });
});

app.post('/login', async (request, response) => {
  const { identifier, password } = request.body ?? {};
  if (typeof identifier !== 'string' || typeof password !== 'string') return problem(response, 422, 'invalid_input');
  const row = await find(identifier);
  const right = await verify(row?.password_hash ?? (await decoy), password);
  if (!row || !right) return problem(response, 401, 'wrong_credentials');
  if (row.status === 'locked') return problem(response, 403, 'denied', 'This account is locked');
  await pool.query({
    name: 'last_login',
    text: 'UPDATE users SET last_login = CURRENT_TIMESTAMP WHERE id = $1',
    values: [row.id],
  });
  response.json({ user: profile(row) });
});

// Express knows an error handler by its four parameters.
app.use((error, request, response, next) => {
  const status = error.status ?? 503;
  problem(response, status, status === 503 ? 'unavailable' : 'invalid_input');
});

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on port ${server.address().port}`));
server.keepAliveTimeout = 60_000;

function authenticate(request, response, next) {
  const key = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (crypto.timingSafeEqual(digest(key), keyDigest)) return next();
  problem(response, 401, 'unauthenticated');
}

async function find(identifier) {
  const { rows } = await pool.query({
    name: 'find',
    text: `SELECT id, email, username, phone_number, email_verified, phone_verified, status, plan, password_hash
           FROM users WHERE email = $1 OR username = $2 OR phone_number = $2`,
    values: [identifier.toLowerCase(), identifier],
  });
  return rows[0];
}

function verify(hash, password) {
  return hash.startsWith('$argon2') ? argon2.verify(hash, password) : bcrypt.compare(password, hash);
}

function profile({ id, email, username, phone_number, email_verified, phone_verified, plan }) {
  const user = { user_id: `users|${id}`, email, username, phone_number, email_verified, phone_verified };
  for (const [name, value] of Object.entries(user)) if (value === null) delete user[name];
  return { ...user, app_metadata: { plan } };
}

function problem(response, status, code, detail) {
  response.status(status).type('application/problem+json').json({ type: 'about:blank', status, code, detail });
}
