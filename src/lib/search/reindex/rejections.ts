import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { ExitCode } from '../../core/exit-codes.js';
import { formatCount } from '../../core/units.js';
import { type Reason, Reasons } from '../bulk/reasons.js';
import { keyOf } from '../document-key.js';
import type { DocumentName } from '../engine.js';

export interface Rejection {
  readonly name: DocumentName;
  readonly reason: string;
}

/** More than that and the mapping is wrong, not the documents. */
const limit = 10_000;
const shownReasons = 20;

/** Documents of the source that the destination's mapping does not take, as they are now. */
export class Rejections {
  readonly #byKey = new Map<ByteString, Rejection>();
  readonly #limit: number;

  /** @param allowed as many more can be kept */
  constructor(allowed: number) {
    this.#limit = limit + allowed;
  }

  get count(): number {
    return this.#byKey.size;
  }

  get all(): readonly Rejection[] {
    return [...this.#byKey.values()];
  }

  has(name: DocumentName): boolean {
    return this.#byKey.has(keyOf(name));
  }

  /** @throws UserError exit 6 when there are too many to list */
  add({ id, routing }: DocumentName, reason: string): void {
    this.#byKey.set(keyOf({ id, routing }), { name: { id, routing }, reason });
    if (this.#byKey.size > this.#limit)
      throw new UserError(
        `the new mapping refuses more than ${formatCount(this.#limit)} documents: ${reason}`,
        {
          code: 'MAPPING_REFUSES',
          exitCode: ExitCode.partial,
          hint: 'The alias was not moved. Mend the mapping; --abandon removes the new index.',
        },
      );
  }

  /** The document is in the destination now, or gone from the source. */
  settle(name: DocumentName): void {
    if (this.#byKey.size > 0) this.#byKey.delete(keyOf(name));
  }

  /** Why, the most frequent reasons first. */
  get reasons(): readonly Reason[] {
    const reasons = new Reasons();
    for (const { reason } of this.#byKey.values()) reasons.add(reason, undefined);
    return reasons.top(shownReasons);
  }
}
