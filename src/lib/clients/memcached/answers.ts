import { bytesOf, type ByteString } from '../../core/bytes.js';
import { done, more, NotAnAnswer, type Exchange } from './exchange.js';

/** No line of the protocol is as long: a key has 250 bytes. */
const longestLine = 8192;

/** Cuts what a server sends into lines and data blocks, and hands them to the exchanges in their order. */
export class AnswerReader {
  private text = '' as ByteString;
  /** Length of the data block that is being received; -1 while lines are expected. */
  private block = -1;

  /**
   * @param current the exchange whose answer is being received.
   * @param finished called when the current exchange has its whole answer.
   * @throws NotAnAnswer, also where nothing was asked.
   */
  feed(chunk: Buffer, current: () => Exchange | undefined, finished: () => void): void {
    const text = (this.text + bytesOf(chunk)) as ByteString;
    let at = 0;
    for (;;) {
      if (this.block >= 0) {
        const end = at + this.block;
        if (text.length < end + 2) break;
        if (text.slice(end, end + 2) !== '\r\n') throw new NotAnAnswer(text.slice(at, end + 2));
        current()?.data?.(text.slice(at, end));
        at = end + 2;
        this.block = -1;
      }
      // A line is looked for only once there is more than a part of one; blocks are long, lines are not.
      const end = text.indexOf('\n', at);
      if (end < 0) {
        if (text.length - at > longestLine) throw new NotAnAnswer(text.slice(at));
        break;
      }
      const exchange = current();
      if (!exchange) throw new NotAnAnswer(text.slice(at, end));
      const outcome = exchange.line(text.slice(at, text.charCodeAt(end - 1) === 13 ? end - 1 : end));
      at = end + 1;
      if (outcome === done) finished();
      else if (outcome !== more) this.block = outcome;
    }
    this.text = at === 0 ? text : text.slice(at);
  }
}
