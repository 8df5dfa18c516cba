// Kinde's workflow for passwords that it does not know, answered by Userbridge. There is nothing to change here: the
// environment variables say where the gateway is (USERBRIDGE_URL) and what proves this workflow (USERBRIDGE_KEY,
// sensitive). With USERBRIDGE_ENCRYPTED=yes the whole question is encrypted with the environment's encryption key, which the
// gateway then has too (`encryption_key`).

import {
  type WorkflowSettings,
  WorkflowTrigger,
  createKindeAPI,
  fetch,
  getEnvironmentVariable,
  invalidateFormField,
  type onExistingPasswordProvidedEvent,
  secureFetch,
} from '@kinde/infrastructure';

export const workflowSettings: WorkflowSettings = {
  id: 'userbridge',
  name: 'Ask Userbridge',
  trigger: WorkflowTrigger.ExistingPasswordProvided,
  // Whoever cannot be asked about is not let in.
  failurePolicy: { action: 'stop' },
  bindings: {
    'kinde.widget': {},
    'kinde.env': {},
    'kinde.fetch': {},
    'kinde.secureFetch': {},
    'kinde.mfa': {},
    url: {},
  },
};

// More than Kinde's types know of the event.
type Event = onExistingPasswordProvidedEvent & {
  context: {
    auth: { providedEmail: string; hashedPassword: string; hasUserRecordInKinde?: boolean };
    user?: { id?: string };
  };
};

type User = { id?: string; given_name?: string; family_name?: string; code?: string };

export default async function handleExistingPassword(event: Event) {
  const user = await ask(event.context.auth.providedEmail, event.context.auth.password);
  if (user === undefined) {
    invalidateFormField('p_password', 'Email or password not found');
    return;
  }
  await migrate(event, user);
}

// The user; undefined where the store said no. Whatever is no decision is thrown.
async function ask(email: string, password: string): Promise<User | undefined> {
  const variable = (name: string) => getEnvironmentVariable(name)?.value;
  const encrypted = variable('USERBRIDGE_ENCRYPTED') === 'yes';
  const options = {
    method: 'POST',
    responseFormat: 'json',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${variable('USERBRIDGE_KEY')}` },
    body: { email, password },
  };
  // Kinde's types know forms only; its own client sends objects, as JSON.
  const answer = await (encrypted ? secureFetch : fetch)<{ data?: User }>(variable('USERBRIDGE_URL')!, options as never);
  // Statuses are not passed on, so the body decides: a user, an empty object for "no", or what went wrong.
  if (typeof answer.data?.id === 'string') return answer.data;
  if (answer.data !== undefined && Object.keys(answer.data).length === 0) return undefined;
  throw new Error(`the user store cannot be asked now (${answer.data?.code ?? 'no answer'})`);
}

// Gives the user in Kinde, who is made when nobody imported them, the password that was right.
async function migrate(event: Event, user: User) {
  const { providedEmail: email, hashedPassword } = event.context.auth;
  const api = await createKindeAPI(event);
  let id = event.context.user?.id;
  if (id === undefined && event.context.auth.hasUserRecordInKinde) {
    const { data } = await api.get({ endpoint: `users?email=${encodeURIComponent(email)}` });
    id = data?.users?.[0]?.id;
  }
  if (id === undefined) {
    const params = {
      profile: { given_name: user.given_name, family_name: user.family_name },
      provided_id: user.id,
      identities: [{ type: 'email', details: { email } }],
    };
    const { data } = await api.post({ endpoint: 'user', params: params as never });
    id = data?.id;
  }
  if (id === undefined) throw new Error('the user could not be made in Kinde');
  await api.put({ endpoint: `users/${id}/password`, params: { hashed_password: hashedPassword } });
}
