import { withTimeout } from '../../core/abort.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { ServiceUnavailable, systemCode, type UserError } from '../../core/errors.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import type { Timeouts } from '../settings.js';
import { type KubernetesSettings, loadClusterAccess } from './config.js';
import { answerError, networkError, type Verb } from './errors.js';
import { type Answer, type Exchange, Wire } from './exchange.js';
import { type JsonPatchOperation, pathOf, type Resource } from './resource.js';
import { ServerClock } from './server-clock.js';

/** Under whose name our writes stand in `managedFields`. */
export const FIELD_MANAGER = 'metrify';

/** Attempts at one request, the first included. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;
const PAGE = 500;

/**
 * A client of the API server that the settings name; nothing is sent yet.
 * @throws UserError when the kubeconfig is missing or wrong.
 */
export async function openKubernetes(
  settings: KubernetesSettings,
  timeouts: Pick<Timeouts, 'requestTimeoutMs'>,
  clock: Clock = systemClock,
): Promise<KubernetesClient> {
  const access = await loadClusterAccess(settings);
  const serverClock = new ServerClock(clock);
  return new KubernetesClient(
    access.server.host,
    access.namespace,
    new Wire(access, serverClock, clock, timeouts.requestTimeoutMs),
    serverClock,
    timeouts.requestTimeoutMs,
    clock,
  );
}

/**
 * Objects of any kind, by REST. Each request, with its repetitions, ends within the request time-out. Repeated are
 * refusals for now (429, 5xx) and lost answers: every write here is safe to repeat, since it names a resourceVersion
 * or an absolute value. But a write whose answer was lost may meet a conflict with itself.
 *
 * Every method throws ServiceUnavailable, ServiceRefused (naming the RBAC rule that is missing), ServiceConflict
 * (409), UserError (any other refusal) and the signal's reason.
 */
export class KubernetesClient {
  constructor(
    /** For people. */
    readonly host: string,
    /** Of the settings or the context. */
    readonly namespace: string,
    private readonly wire: Wire,
    private readonly serverClock: ServerClock,
    private readonly requestTimeoutMs: number,
    private readonly clock: Clock,
  ) {}

  /** The API server's clock, in milliseconds since the epoch. */
  now(): number {
    return this.serverClock.now();
  }

  /** The API server's version, like `v1.34.1`; undefined where we may not know it. */
  async version(signal: AbortSignal): Promise<string | undefined> {
    try {
      const { status, text } = await withTimeout(signal, this.requestTimeoutMs, (within) =>
        this.wire.exchange({ method: 'GET', path: '/version' }, within),
      );
      return status === 200 ? /"gitVersion":\s*"([^"]+)"/.exec(text)?.[1] : undefined;
    } catch (error) {
      signal.throwIfAborted();
      throw networkError(this.host, error, this.requestTimeoutMs);
    }
  }

  /** Undefined when there is none. */
  async get<T>(resource: Resource, signal: AbortSignal): Promise<T | undefined> {
    const answer = await this.#send('get', resource, { method: 'GET', path: pathOf(resource) }, signal);
    return answer.status === 404 ? undefined : this.#parse<T>('get', resource, answer);
  }

  /** @param labelSelector `app=web,version=v1`; undefined: all in the namespace. */
  async list<T>(resource: Resource, labelSelector: string | undefined, signal: AbortSignal): Promise<T[]> {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
      if (next !== undefined) query.set('continue', next);
      const request: Exchange = { method: 'GET', path: `${pathOf(resource)}?${query.toString()}` };
      const page: { items?: T[]; metadata?: { continue?: string } } = this.#parse(
        'list',
        resource,
        await this.#send('list', resource, request, signal),
      );
      items.push(...(page.items ?? []));
      next = page.metadata?.continue || undefined;
    } while (next !== undefined);
    return items;
  }

  /** The object afterwards. Guarded when an operation replaces `/metadata/resourceVersion`. */
  async patch<T>(
    resource: Resource,
    operations: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<T> {
    return this.#write('patch', 'PATCH', resource, operations, 'application/json-patch+json', signal);
  }

  /** A merge patch (RFC 7386). */
  async merge<T>(resource: Resource, patch: object, signal: AbortSignal): Promise<T> {
    return this.#write('patch', 'PATCH', resource, patch, 'application/merge-patch+json', signal);
  }

  /** @throws ServiceConflict when it is there already. */
  async create<T>(resource: Resource, object: object, signal: AbortSignal): Promise<T> {
    return this.#write('create', 'POST', resource, object, 'application/json', signal);
  }

  /** Guarded when the object has a resourceVersion. */
  async replace<T>(resource: Resource, object: object, signal: AbortSignal): Promise<T> {
    return this.#write('update', 'PUT', resource, object, 'application/json', signal);
  }

  close(): void {
    this.wire.close();
  }

  async #write<T>(
    verb: Verb,
    method: Exchange['method'],
    resource: Resource,
    body: unknown,
    contentType: string,
    signal: AbortSignal,
  ): Promise<T> {
    const { name: _, ...collection } = resource;
    const path = `${pathOf(verb === 'create' ? collection : resource)}?fieldManager=${FIELD_MANAGER}`;
    const request: Exchange = { method, path, contentType, body: JSON.stringify(body) };
    return this.#parse(verb, resource, await this.#send(verb, resource, request, signal));
  }

  async #send(verb: Verb, resource: Resource, request: Exchange, signal: AbortSignal): Promise<Answer> {
    const deadline = this.clock.monotonic() + this.requestTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      const pause = FIRST_PAUSE_MS * 2 ** (attempt - 1);
      let waitMs: number;
      let failure: UserError;
      try {
        const left = Math.max(1, deadline - this.clock.monotonic());
        const answer = await withTimeout(signal, left, (within) => this.wire.exchange(request, within));
        if (answer.status < 300 || (answer.status === 404 && verb === 'get')) return answer;
        failure = answerError(this.host, verb, resource, answer);
        if (answer.status !== 429 && answer.status < 500) throw failure;
        waitMs = retryAfterMs(answer.retryAfter, this.now()) ?? pause;
      } catch (error) {
        signal.throwIfAborted();
        failure = networkError(this.host, error, this.requestTimeoutMs);
        if (!isLostAnswer(error)) throw failure;
        waitMs = pause;
      }
      if (attempt === ATTEMPTS || this.clock.monotonic() + waitMs >= deadline) throw failure;
      await this.clock.sleep(waitMs, signal);
    }
  }

  #parse<T>(verb: Verb, resource: Resource, answer: Answer): T {
    if (answer.status === 404) throw answerError(this.host, verb, resource, answer);
    try {
      return JSON.parse(answer.text) as T;
    } catch {
      throw new ServiceUnavailable(`${this.host} did not answer with JSON: is it a Kubernetes API server?`);
    }
  }
}

/** The connection was there and broke: what was sent may have been done. */
function isLostAnswer(error: unknown): boolean {
  if (!(error instanceof HttpFailure)) return false;
  // A connection that is reset while it is made is a restart of the server or of what is before it.
  return error.kind === 'closed' || systemCode(error.cause) === 'ECONNRESET';
}
