import type { Handler } from './http-proxy.js';

export interface BulkItem {
  readonly operation: string;
  readonly index: string | undefined;
  readonly id: string | undefined;
}

const REFUSED = { type: 'es_rejected_execution_exception', reason: 'rejected execution of a bulk item' };

/**
 * A node whose write queue is full: items of a bulk for which `refuses` says yes get 429 and never reach the server.
 * `times` says how often the item, told by its index and id, was refused before.
 */
export function refuseItems(refuses: (item: BulkItem, times: number) => boolean): Handler {
  const refusals = new Map<string, number>();
  const isRefused = (item: BulkItem): boolean => {
    const key = JSON.stringify([item.index, item.id]);
    const times = refusals.get(key) ?? 0;
    if (!refuses(item, times)) return false;
    refusals.set(key, times + 1);
    return true;
  };
  return async (body, forward) => {
    const items = readBulk(body.toString()).map((one) => ({ ...one, refused: isRefused(one.item) }));
    const kept = items.filter(({ refused }) => !refused);
    if (kept.length === items.length) return forward(body);
    const answer =
      kept.length > 0 ? await forward(kept.map(({ lines }) => lines).join('')) : { status: 200, body: '' };
    if (answer.status !== 200) return answer;
    const given = kept.length > 0 ? (JSON.parse(answer.body.toString()) as { items: unknown[] }).items : [];
    const all = items.map(({ refused, item }) => (refused ? refusal(item) : given.shift()));
    return {
      status: 200,
      headers: { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' },
      body: JSON.stringify({ took: 1, errors: true, items: all }),
    };
  };
}

function refusal({ operation, index, id }: BulkItem): object {
  return { [operation]: { _index: index, _id: id, status: 429, error: REFUSED } };
}

/** The items of a bulk's body, each with its lines. */
function readBulk(body: string): { item: BulkItem; lines: string }[] {
  const lines = body.split('\n');
  const items: { item: BulkItem; lines: string }[] = [];
  for (let i = 0; i < lines.length; i++) {
    if (lines[i] === '') continue;
    const [[operation, action]] = Object.entries(JSON.parse(lines[i]!) as Record<string, object>) as [
      [string, { _index?: string; _id?: string }],
    ];
    const item = { operation, index: action._index, id: action._id };
    const text = operation === 'delete' ? lines[i]! : `${lines[i]!}\n${lines[++i]!}`;
    items.push({ item, lines: `${text}\n` });
  }
  return items;
}
