import { UserError } from '../../../lib/core/errors.js';
import type { RecordedArrivals } from '../../../lib/load/generator.js';
import type { Target } from '../../../lib/load/job.js';
import { targetOf } from '../../../lib/load/request.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';

export const replayFlags = {
  url: flag.text({ placeholder: 'URL', help: 'the server that is sent the requests: http://127.0.0.1:8080' }),
  speed: flag.parsed('FACTOR', parseSpeed, {
    help: 'how much faster than the log: 2x; 0.5x is half as fast (default: 1x)',
  }),
  methods: flag.list({
    placeholder: 'METHOD,…',
    help: 'requests with these, of which others have no body (default: GET,HEAD)',
  }),
  host: flag.text({ help: 'only lines of this site, where the log names one; sent as Host' }),
};

type Values = FlagValues<typeof replayFlags>;

/** Where a replay goes, and which lines of its log. @throws UserError */
export function readReplay({ url, speed = 1, methods, host }: Values): {
  readonly target: Target;
  readonly host: RecordedArrivals['host'];
  readonly options: { readonly speed: number; readonly methods: string[]; readonly host: string | undefined };
} {
  if (url === undefined)
    throw new UserError('--url is missing', {
      hint: 'Name the server that is to be sent the requests: --url http://127.0.0.1:8080',
    });
  const base = targetOf(url);
  if (base.path !== '/')
    throw new UserError(`--url '${url}' is more than a scheme and a host`, {
      hint: 'Give it like http://127.0.0.1:8080: the paths come from the log.',
    });
  if (host !== undefined && !/^[a-z0-9.[\]:_-]+$/i.test(host))
    throw new UserError(`--host '${host}' is not a host name`);
  const wrong = methods.find((method) => !/^[A-Z][A-Z_-]*$/.test(method) || method === 'CONNECT');
  if (wrong !== undefined)
    throw new UserError(`'${wrong}' is not a method that can be replayed`, {
      hint: 'Write them like --methods GET,HEAD,POST.',
    });
  return {
    target: base.target,
    host: host ?? base.host,
    options: { speed, methods: methods.length > 0 ? methods : ['GET', 'HEAD'], host },
  };
}

function parseSpeed(text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)x?$/.exec(text) ?? [];
  if (digits === undefined || Number(digits) === 0)
    throw new UserError(`'${text}' is not a speed`, { hint: 'Give a factor like 2x or 0.5x.' });
  return Number(digits);
}
