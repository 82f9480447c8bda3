/** What came is not an answer of HTTP/1.1. The message says what is wrong with "it", the answer. */
export class ResponseMalformed extends Error {
  override readonly name = 'ResponseMalformed';
}

export interface Head {
  readonly status: number;
  /** Where the body ends: after so many bytes, after its last chunk, or with the connection (RFC 9112, 6.3). */
  readonly framing: number | 'chunked' | 'until-close';
  readonly keepAlive: boolean;
  /** Names in lower case; those that come several times are joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * A status line and its headers, without the empty line behind them, as Latin-1.
 * @throws ResponseMalformed
 */
export function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, digits] = statusLine.exec(first) ?? [];
  if (digits === undefined) throw new ResponseMalformed('its status line is malformed');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = headerLine.exec(line) ?? [];
    if (name === undefined) throw new ResponseMalformed('a header is malformed');
    const key = name.toLowerCase();
    const before = headers.get(key);
    const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '');
    headers.set(key, before === undefined ? trimmed : `${before}, ${trimmed}`);
  }
  const tokens = tokensOf(headers.get('connection'));
  return {
    status: Number(digits),
    framing: framingOf(headers),
    keepAlive: !tokens.includes('close') && (minor === '1' || tokens.includes('keep-alive')),
    headers,
  };
}

function framingOf(headers: ReadonlyMap<string, string>): Head['framing'] {
  const length = headers.get('content-length');
  const encodings = tokensOf(headers.get('transfer-encoding'));
  if (encodings.length > 0) {
    // One reader would go by the one, another by the other: request smuggling's way in.
    if (length !== undefined) throw new ResponseMalformed('it has a length and a transfer encoding');
    if (encodings.indexOf('chunked') < encodings.length - 1 && encodings.includes('chunked'))
      throw new ResponseMalformed('chunked is not its last transfer encoding');
    return encodings.includes('chunked') ? 'chunked' : 'until-close';
  }
  if (length === undefined) return 'until-close';
  const [value = '', ...others] = length.split(/,[ \t]*/);
  if (!/^\d{1,15}$/.test(value) || others.some((other) => other !== value))
    throw new ResponseMalformed('its content length is not one number');
  return Number(value);
}

function tokensOf(list: string | undefined): string[] {
  return (list ?? '')
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
}
