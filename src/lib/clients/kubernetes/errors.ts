import { ServiceConflict, ServiceRefused, ServiceUnavailable, UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { excerpt } from '../../http/excerpt.js';
import { HttpFailure } from '../../http/failure.js';
import type { Answer } from './exchange.js';
import { displayName, type Resource } from './resource.js';

/** Code of the refusal of what is not valid: an object, or a patch that does not fit the object. */
export const INVALID = 'KUBERNETES_INVALID';

export type Verb = 'get' | 'list' | 'patch' | 'create' | 'update';

interface Status {
  readonly message?: unknown;
  readonly reason?: string;
}

/** What an answer that is not a success means. */
export function answerError(host: string, verb: Verb, resource: Resource, answer: Answer): UserError {
  const status = parseStatus(answer.text);
  const said = typeof status.message === 'string' ? excerpt(status.message, 1000) : `HTTP ${answer.status}`;
  switch (answer.status) {
    case 401:
      return new ServiceRefused(`Kubernetes at ${host} does not accept our credentials`, {
        hint: 'Log in to the cluster again, or check the token; `kubectl auth whoami` goes the same way.',
      });
    case 403:
      return forbidden(host, verb, resource, said);
    case 404:
      return new UserError(`${displayName(resource)} does not exist in Kubernetes at ${host}`, {
        hint:
          resource.name === undefined
            ? `Is ${resource.group} installed there?`
            : 'Check its name and namespace.',
        code: 'NOT_FOUND',
      });
    case 409:
      return new ServiceConflict(`${displayName(resource)} was changed by somebody else meanwhile: ${said}`, {
        hint: 'Run the same command again.',
      });
    default:
      return answer.status === 429 || answer.status >= 500
        ? new ServiceUnavailable(`Kubernetes at ${host} cannot ${verb} ${displayName(resource)} now: ${said}`)
        : new UserError(`Kubernetes at ${host} refused to ${verb} ${displayName(resource)}: ${said}`, {
            code: answer.status === 422 ? INVALID : 'KUBERNETES_REFUSED',
          });
  }
}

function forbidden(host: string, verb: Verb, resource: Resource, said: string): ServiceRefused {
  const { group, namespace, name, subresource } = resource;
  const target = subresource === undefined ? resource.resource : `${resource.resource}/${subresource}`;
  // An admission webhook's or a quota's refusal is a 403 too, and no rule helps.
  const user = /User "([^"]+)" cannot /.exec(said)?.[1];
  if (user === undefined)
    return new ServiceRefused(`Kubernetes at ${host} refused to ${verb} ${displayName(resource)}: ${said}`);
  return new ServiceRefused(
    `${user} may not ${verb} ${target}${group ? ` of ${group}` : ''} in namespace ${namespace}${name === undefined ? '' : ` ('${name}')`}`,
    {
      hint: `Add to its Role: { apiGroups: ["${group}"], resources: ["${target}"], verbs: ["${verb}"] }.`,
    },
  );
}

/** What a request that had no answer means. @throws what is not about the network. */
export function networkError(host: string, error: unknown, requestTimeoutMs: number): UserError {
  const hint = 'Check the network and the kubeconfig; `kubectl get --raw /readyz` goes the same way.';
  if (error instanceof HttpFailure)
    return new ServiceUnavailable(error.message, { code: error.code, hint, cause: error });
  if (error instanceof UserError) return error;
  // The time for the request and its repetitions ran out.
  if ((error as Error).name === 'TimeoutError')
    return new ServiceUnavailable(
      `Kubernetes at ${host} cannot be reached: no answer within ${formatDuration(requestTimeoutMs)}`,
      { hint },
    );
  throw error;
}

function parseStatus(text: string): Status {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
