import { nodeName, type RedisClient } from './client.js';
import { refused } from './refusals.js';
import { encodeCommand, RedisError } from './resp.js';
import { asText } from './shapes.js';
import { slotCount } from './slots.js';

/** The slots of one master. */
export interface OwnSlots {
  /** Inclusive ranges that it serves. */
  ranges: [from: number, to: number][];
  /** On their way to it or away from it. */
  open: number[];
}

/** Each slot's master. */
interface View {
  owners: (string | undefined)[];
  open: number[];
  /** Names of each master and its replicas, by the master's name. */
  shards: Map<string, string[]>;
}

/**
 * Notices slots of a cluster that change hands: a walk of the masters may miss their keys, or see them twice. A failover
 * moves nothing. A slot that went away and came back between the two looks is not noticed.
 */
export class SlotWatch {
  private constructor(
    private readonly client: RedisClient,
    private readonly before: View,
  ) {}

  /** @throws ServiceUnavailable when a master stayed away for the request time-out; ServiceRefused. */
  static async start(client: RedisClient): Promise<SlotWatch> {
    return new SlotWatch(client, await client.retried(() => askMasters(client)));
  }

  /** How many slots have another master than at the start, or are being moved. @throws as `start`. */
  async moved(): Promise<number> {
    const { before } = this;
    const now = await this.client.retried(() => askMasters(this.client));
    const moved = new Set(now.open);
    for (let slot = 0; slot < slotCount; slot++) {
      const was = before.owners[slot];
      const is = now.owners[slot];
      if (is === was) continue;
      const tookOver = was !== undefined && is !== undefined && before.shards.get(was)!.includes(is);
      if (!tookOver) moved.add(slot);
    }
    return moved.size;
  }
}

async function askMasters(client: RedisClient): Promise<View> {
  await client.refresh();
  const view: View = { owners: [], open: [], shards: new Map() };
  for (const { node, address, replicas } of client.masters) {
    view.shards.set(node, [node, ...replicas.map(nodeName)]);
    const connection = await client.connect(address);
    // Each is asked of itself: the others hear of a moved slot a little later.
    const [reply] = await connection.pipeline(encodeCommand(['CLUSTER', 'NODES']), 1);
    if (reply instanceof RedisError) throw refused(node, reply, ['CLUSTER', 'NODES']);
    const { ranges, open } = parseOwnSlots(asText(reply, node));
    for (const [from, to] of ranges)
      for (let slot = from; slot <= to; slot++)
        // Two that claim it: it was given away, and the giver does not know yet.
        view.owners[slot] = view.owners[slot] === undefined ? node : `${view.owners[slot]} ${node}`;
    view.open.push(...open);
  }
  return view;
}

/**
 * The node's own line of `CLUSTER NODES`:
 * `ID ADDRESS myself,master - PING PONG EPOCH connected 0-99 101 [102->-ID] [103-<-ID]`.
 */
export function parseOwnSlots(text: string): OwnSlots {
  const own = text.split('\n').find((line) => line.split(' ')[2]?.split(',').includes('myself'));
  const slots: OwnSlots = { ranges: [], open: [] };
  for (const word of own?.trim().split(' ').slice(8) ?? []) {
    const numbers = word.match(/\d+/g)!;
    if (word.startsWith('[')) slots.open.push(Number(numbers[0]));
    else slots.ranges.push([Number(numbers[0]), Number(numbers[1] ?? numbers[0])]);
  }
  return slots;
}
