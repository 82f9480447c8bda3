import { isIP } from 'node:net';

import { UserError } from '../core/errors.js';

/** Addresses that stand for a name, on one port. */
export interface ResolveOverride {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

/** Parses `HOST:PORT:ADDRESS[,ADDRESS…]`, as curl has it; an IPv6 address may be in brackets. @throws UserError */
export function parseResolve(text: string): ResolveOverride {
  const wrong = (why: string) =>
    new UserError(`'${text}' ${why}`, {
      hint: 'Write it like api.example.com:443:10.0.0.1, several addresses with commas.',
    });
  const [, host, digits, list] = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5}):(.+)$/.exec(text) ?? [];
  if (host === undefined || list === undefined) throw wrong('is not HOST:PORT:ADDRESS');
  const port = Number(digits);
  if (port < 1 || port > 65_535) throw wrong('has no port from 1 to 65535');
  const addresses = list.split(',').map((address) => address.trim().replace(/^\[(.*)\]$/, '$1'));
  const unusable = addresses.find((address) => isIP(address) === 0);
  if (unusable !== undefined) throw wrong(`has '${unusable}', which is not an address`);
  return { host: host.replace(/^\[(.*)\]$/, '$1').toLowerCase(), port, addresses };
}
