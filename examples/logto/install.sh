#!/usr/bin/env bash
# Installs the action in a Logto tenant. Needs curl and jq, and in the environment:
#   LOGTO_ENDPOINT   the tenant's address, as in https://example.logto.app
#   LOGTO_TOKEN      an access token for its Management API
#   USERBRIDGE_URL   the face, as in https://users.example.com/logto/acme
#   USERBRIDGE_KEY   what `userbridge client new logto --scope acme:login` printed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
jq --null-input --rawfile script action.js '{
    $script,
    environmentVariables: { USERBRIDGE_URL: env.USERBRIDGE_URL, USERBRIDGE_KEY: env.USERBRIDGE_KEY },
    enabled: true,
    onExecutionError: "block"
}' | curl --fail-with-body --silent --show-error --request PUT \
    --header @<(printf 'authorization: Bearer %s\n' "$LOGTO_TOKEN") --header 'content-type: application/json' --data-binary @- \
    "$LOGTO_ENDPOINT/api/configs/actions/inlineHook.postFirstFactorVerification"
