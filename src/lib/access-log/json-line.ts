import { type ByteString, toBytes } from '../core/bytes.js';
import { type LoggedRequest, parseRequestLine } from './request.js';

/*
 * Names are compared without case and punctuation, nested ones joined: `request_uri`, `RequestUri` and Caddy's
 * `request.uri` are all `requesturi`. Earlier names win: NGINX's `uri` is decoded, its `request_uri` is what was sent.
 */
const names = {
  line: ['request', 'requestline', 'httprequest', 'requestfirstline'],
  method: [
    'requestmethod',
    'method',
    'httpmethod',
    'httprequestmethod',
    'httprequestrequestmethod',
    'csmethod',
  ],
  target: [
    ...[
      'requesturi',
      'xenvoyoriginalpath',
      'originalpath',
      'requesturl',
      'httprequestrequesturl',
      'urloriginal',
    ],
    ...['url', 'uri', 'requestpath', 'path', 'urlpath', 'csuristem'],
  ],
  query: ['args', 'querystring', 'requestquery', 'query', 'urlquery', 'csuriquery'],
  status: [
    ...['status', 'statuscode', 'responsestatus', 'responsestatuscode', 'responsecode', 'httpstatus'],
    ...['httpstatuscode', 'httpresponsestatuscode', 'httprequeststatus', 'downstreamstatus', 'scstatus'],
  ],
  // Those with milliseconds first. NGINX's `request_time` is how long it took.
  time: [
    ...['msec', 'starttime', 'startutc', 'timestamp', 'ts', 'time', 'timeiso8601', 'timelocal', 'startlocal'],
    ...['datetime', 'requesttimestamp', 'eventtime', 'date'],
  ],
  host: ['httphost', 'requesthost', 'authority', 'host', 'vhost', 'urldomain', 'servername', 'xhostheader'],
  acceptEncoding: headerNames('acceptencoding'),
  acceptLanguage: headerNames('acceptlanguage'),
  accept: headerNames('accept'),
} as const;

function headerNames(header: string): string[] {
  return [
    'http',
    '',
    'request',
    'requestheader',
    'requestheaders',
    'httprequestheaders',
    'reqheader',
    'headers',
  ].map((before) => before + header);
}

const deepest = 4;

/** A JSON object with a request line, or with method and path. Undefined when it is neither. */
export function parseJsonLine(line: ByteString): LoggedRequest | undefined {
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const found = new Map<string, ByteString>();
  collect(document, '', found, 0);
  const get = (list: readonly string[]) => {
    for (const name of list) if (found.has(name)) return found.get(name);
    return undefined;
  };

  const request = requestOf(get);
  if (!request) return undefined;
  const status = get(names.status);
  return {
    ...request,
    status: status !== undefined && /^\d{3}$/.test(status) ? Number(status) : undefined,
    time: get(names.time),
    host: get(names.host) || undefined,
    acceptEncoding: header(get(names.acceptEncoding)),
    acceptLanguage: header(get(names.acceptLanguage)),
    accept: header(get(names.accept)),
  };
}

function requestOf(get: (list: readonly string[]) => ByteString | undefined): LoggedRequest | undefined {
  const line = get(names.line);
  if (line !== undefined && /^[A-Z]+ [^ ]/.test(line)) return parseRequestLine(line);
  const method = get(names.method);
  const target = get(names.target);
  if (method !== undefined && target !== undefined) {
    const query = target.includes('?') ? undefined : get(names.query);
    const hasQuery = query !== undefined && query !== '' && query !== '-';
    return {
      method: method.toUpperCase(),
      target: (hasQuery ? `${target}?${query.replace(/^\?/, '')}` : target) as ByteString,
    };
  }
  return line === undefined ? undefined : { method: '', target: '' as ByteString };
}

function collect(value: object, prefix: string, found: Map<string, ByteString>, depth: number): void {
  for (const [name, member] of Object.entries(value)) {
    const path = prefix + name.toLowerCase().replace(/[^a-z0-9]/g, '');
    const single: unknown = Array.isArray(member) && member.length === 1 ? member[0] : member;
    if (typeof single === 'string') found.set(path, bytes(single));
    else if (typeof single === 'number') found.set(path, `${single}` as ByteString);
    else if (typeof single === 'object' && single !== null && !Array.isArray(single) && depth < deepest)
      collect(single, path, found, depth + 1);
  }
}

/** What was parsed from bytes holds bytes, except for escapes above U+00FF. */
function bytes(text: string): ByteString {
  return text.replace(/[^\0-\xff]+/g, toBytes) as ByteString;
}

function header(value: ByteString | undefined): ByteString | undefined {
  return value === '-' ? ('' as ByteString) : value;
}
