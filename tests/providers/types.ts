import type { UserMigrationTriggerEvent } from 'aws-lambda';
import type { GenericConnectorConfiguration, LoginResponse, Tenant } from '@fusionauth/typescript-client';
import type { CreateUserRequest } from '@okta/okta-sdk-nodejs/src/types/generated/models/CreateUserRequest';
import type { PasswordImportResponse } from '@okta/okta-sdk-nodejs/src/types/generated/models/PasswordImportResponse';
import type { CreateIdentityBody } from '@ory/client';

// A type as JSON writes it: an enumeration's members are their texts.
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
