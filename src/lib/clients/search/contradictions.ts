import type { Finding } from '../../core/schema/findings.js';
import { tlsContradictions } from '../tls.js';
import type { SearchSettings } from './settings.js';

/** Settings that exclude each other, or need each other. A reference that is not looked up yet counts as given. */
export function searchContradictions(settings: SearchSettings): Finding[] {
  const found: Finding[] = [];
  const add = (path: keyof SearchSettings, message: string) => found.push({ path: [path], message });
  // A URL may be such a reference, too.
  const urls = [settings.urls].flat().filter((url) => typeof url === 'string');

  const inUrl = urls.some((url) => /^https?:\/\/[^/?#]*@/.test(url));
  const ways = (['username', 'apiKey', 'token', 'awsRegion'] as const).filter((way) =>
    way === 'username' ? inUrl || isGiven(settings, ['username', 'password']) : isGiven(settings, [way]),
  );
  const [first, second] = ways;
  if (second !== undefined)
    add(
      second,
      `${first === 'username' ? 'a user' : first} and ${second} are two ways to sign in: leave one of them out`,
    );
  else if (settings.password !== undefined && settings.username === undefined && !inUrl && urls.length > 0)
    add('password', 'a password needs its user: set username');

  const aws = (['awsService', 'awsAccessKeyId', 'awsSecretAccessKey', 'awsSessionToken'] as const).find(
    (name) => isGiven(settings, [name]),
  );
  if (aws !== undefined && settings.awsRegion === undefined)
    add(aws, 'requests are signed for a region: set awsRegion');
  if ((settings.awsAccessKeyId === undefined) !== (settings.awsSecretAccessKey === undefined))
    add(
      settings.awsAccessKeyId === undefined ? 'awsSecretAccessKey' : 'awsAccessKeyId',
      'awsAccessKeyId and awsSecretAccessKey belong together: set both',
    );
  return [...found, ...tlsContradictions(settings, urls)];
}

function isGiven(settings: SearchSettings, names: readonly (keyof SearchSettings)[]): boolean {
  return names.some((name) => settings[name] !== undefined);
}
