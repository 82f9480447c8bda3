import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import { withTimeout } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import { ServiceConflict } from '../../core/errors.js';
import { hasEnded, isRunning, ownIdentity, readIdentity } from '../../core/process-identity.js';
import type { ElasticClient } from '../elastic/client.js';

/** Of the copy's `_meta`. */
const noteKey = 'metrify_copy';

type Meta = Readonly<Record<string, unknown>>;

/** How often the holder says that it is there, and how long one on another host that says nothing counts as running. */
const sayEveryMs = 20_000;
const silenceMs = 90_000;
/** Two that take it at once both write, and both see who wrote last. */
const settleMs = 300;
/** Whoever is stopped has no more time than this. */
const releaseMs = 2500;

/** Who fills a copy, noted in its mapping: whatever the first of two had finished, the second could take for a difference. */
export class Hold {
  readonly #client: ElasticClient;
  readonly #index: string;
  readonly #saying: NodeJS.Timeout;
  /** Until the last note is written. */
  #said: Promise<void> = Promise.resolve();

  private constructor(client: ElasticClient, index: string, say: () => Promise<void>) {
    this.#client = client;
    this.#index = index;
    this.#saying = setInterval(() => {
      // The next one may be heard; the work meets whatever is wrong itself.
      this.#said = this.#said.then(say).catch(() => {});
    }, sayEveryMs).unref();
  }

  /** @throws ServiceConflict exit 4 `COPY_RUNS` when somebody else fills it; as the client */
  static async take(client: ElasticClient, index: string, clock: Clock, signal: AbortSignal): Promise<Hold> {
    await requireFree(client, index, clock, signal);
    const token = randomBytes(16).toString('hex');
    const holder = { token, host: hostname(), ...(await ownIdentity()) };
    const say = () => changeNote(client, index, { ...holder, seenAt: clock.now() }, signal);
    await say();
    await clock.sleep(settleMs, signal);
    const { note } = await readNote(client, index, signal);
    if (note?.['token'] !== token) throw runs(index, note);
    return new Hold(client, index, say);
  }

  /** Leaves it to whoever continues. */
  async release(): Promise<void> {
    clearInterval(this.#saying);
    await this.#said;
    // Whoever finds the note of a process that ended takes the copy over.
    await withTimeout(new AbortController().signal, releaseMs, (brief) =>
      changeNote(this.#client, this.#index, undefined, brief),
    ).catch(() => {});
  }
}

/** @throws ServiceConflict exit 4 `COPY_RUNS`; as the client */
async function requireFree(
  client: ElasticClient,
  index: string,
  clock: Pick<Clock, 'now'>,
  signal: AbortSignal,
): Promise<void> {
  const { note } = await readNote(client, index, signal);
  const identity = readIdentity(note);
  if (note === undefined || identity === undefined || (await hasEnded(identity))) return;
  const isSilent = clock.now() - Number(note['seenAt']) > silenceMs;
  if (isSilent && !(await isRunning(identity))) return;
  throw runs(index, note);
}

function runs(index: string, note: Meta | undefined): ServiceConflict {
  const who =
    note === undefined ? 'somebody else' : `process ${String(note['pid'])} on ${String(note['host'])}`;
  return new ServiceConflict(`the copy ${index} is being filled by ${who}`, {
    code: 'COPY_RUNS',
    hint: 'Wait for it to end, or stop it.',
  });
}

async function readNote(client: ElasticClient, index: string, signal: AbortSignal) {
  type Answer = Record<string, { readonly mappings: { readonly _meta?: Meta } }>;
  const path = `/${encodeURIComponent(index)}/_mapping`;
  const meta = (await client.json<Answer>({ path }, signal))[index]?.mappings._meta ?? {};
  return { meta, note: meta[noteKey] as Meta | undefined };
}

async function changeNote(
  client: ElasticClient,
  index: string,
  note: Meta | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { meta } = await readNote(client, index, signal);
  const path = `/${encodeURIComponent(index)}/_mapping`;
  await client.json({ method: 'PUT', path, body: { _meta: { ...meta, [noteKey]: note } } }, signal);
}
