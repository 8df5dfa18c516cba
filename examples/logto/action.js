// Logto's action "Post first-factor verification", answered by Userbridge. There is nothing to change here: the
// environment variables of the action say where the gateway is (USERBRIDGE_URL) and what proves this script
// (USERBRIDGE_KEY). The event holds a password: it is never logged.
const runAction = async ({ event, environmentVariables = {} }) => {
  const answer = await fetch(environmentVariables.USERBRIDGE_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${environmentVariables.USERBRIDGE_KEY}`,
    },
    body: JSON.stringify(event),
    redirect: 'error',
    // Logto gives its scripts little more than `fetch`; the gateway answers within 2.5 s by itself.
    signal: typeof AbortSignal === 'undefined' ? undefined : AbortSignal.timeout(4000),
  });
  const result = await answer.json();
  // An empty "no" is the user store's; any other is about this script's own key.
  if (answer.status === 401 && Object.keys(result).length === 0) return;
  if (answer.status !== 200) throw new Error(`the user store cannot be asked now (status ${answer.status})`);
  return result;
};
