import { fromBytes, bytesOf, toBytes, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import { parseDuration } from '../../core/units.js';
import type { Found } from '../keyed-level.js';
import type { Codec } from './codec.js';
import { unwrapTags } from './tags.js';

/** Milliseconds, or text like `500ms 30s 5m 1h 7d`. */
export type Duration = number | string;

/** Between the values of a service and the bytes in the levels: here, and nowhere else, the codec is used. */
export class Values {
  readonly #codec: Codec;
  readonly #clock: Clock;

  constructor(codec: Codec, clock: Clock) {
    this.#codec = codec;
    this.#clock = clock;
  }

  /** @throws UserError `VALUE_UNDEFINED`, `VALUE_INVALID`; what the codec throws. */
  encode(value: unknown): ByteString {
    const codec = this.#codec;
    if (value === undefined) throw new UserError('undefined cannot be cached', { code: 'VALUE_UNDEFINED' });
    if (typeof value === 'function' || typeof value === 'symbol') throw noValue(`a ${typeof value}`);
    const encoded: unknown = codec.encode(value);
    if (codec.binary && ArrayBuffer.isView(encoded)) return bytesOf(asBuffer(encoded));
    if (!codec.binary && typeof encoded === 'string') return toBytes(encoded);
    throw noValue(`a value of which the codec makes no ${codec.binary ? 'bytes' : 'text'}`);
  }

  decode({ value }: Found): unknown {
    const bytes = unwrapTags(value)?.value ?? value;
    const codec = this.#codec;
    return codec.binary ? codec.decode(Buffer.from(bytes, 'latin1')) : codec.decode(fromBytes(bytes));
  }

  /** When what is written now is over, by the monotonic clock. @throws UserError `TTL_INVALID`. */
  expiry(ttl: Duration | undefined): number | undefined {
    if (ttl === undefined) return undefined;
    const ms = typeof ttl === 'number' ? ttl : parseDuration(ttl);
    if (!(ms > 0)) throw new UserError(`${ms} ms is not a time to live`, { code: 'TTL_INVALID' });
    return Number.isFinite(ms) ? this.#clock.monotonic() + ms : undefined;
  }
}

function noValue(what: string): UserError {
  return new UserError(`${what} cannot be cached`, { code: 'VALUE_INVALID' });
}

function asBuffer({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
