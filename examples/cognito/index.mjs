// Amazon Cognito's trigger "Migrate user", answered by Userbridge. There is nothing to change here: the environment says
// where the gateway is (USERBRIDGE_URL) and what proves this function (USERBRIDGE_KEY). Node.js 20 or newer.
//
// The event holds a password: neither it nor the answer is ever logged, nor repeated in an error.

// Cognito waits for five seconds, for the start of this function, too.
const PATIENCE = 4500;

export const handler = async (event) => {
  const answer = await ask(event);
  // The gateway says "no" with 401, or with 404 where a password was forgotten; whatever else it says is no decision.
  if (answer.status === 401 || answer.status === 404) throw new Error('Incorrect username or password');
  const response = answer.status === 200 ? answer.body : undefined;
  if (!response?.userAttributes) throw new Error('The user store cannot be asked now; try again later');
  event.response = response;
  return event;
};

async function ask(event) {
  try {
    const answer = await fetch(process.env.USERBRIDGE_URL, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${process.env.USERBRIDGE_KEY}` },
      body: JSON.stringify(event),
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    });
    // A 401 without this body is not the store's: our own key was refused, or something else stands in between.
    const body = await answer.json();
    const refused = answer.status !== 200 && Object.keys(body).length > 0;
    return { status: refused ? 503 : answer.status, body };
  } catch {
    return { status: 503 };
  }
}
