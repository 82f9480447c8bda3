import * as z from 'zod/mini';

import { UserError } from '../core/errors.js';
import type { Finding } from '../core/schema/findings.js';
import { secret, text, yesNo } from '../core/schema/setting.js';
import { plainText } from '../core/schema/values.js';
import type { MutualTlsSettings } from './settings.js';

/** The settings of TLS, for the section of any system that has it. */
export function tlsSettings() {
  return {
    tlsVerify: z.optional(yesNo({ help: 'false switches the verification of certificates off' })),
    tlsCa: z.optional(text({ help: 'PEM file with the authorities to trust', path: true }, plainText)),
  };
}

/** The same for a system that may also ask who the client is. Its section has the `tlsContradictions`. */
export function mutualTlsSettings() {
  return {
    ...tlsSettings(),
    tlsFingerprint: z.optional(
      text({ help: "SHA-256 fingerprint of the authority's certificate, instead of a file" }, fingerprint),
    ),
    tlsCert: z.optional(text({ help: 'PEM file with our own certificate', path: true }, plainText)),
    tlsKey: z.optional(text({ help: "PEM file with that certificate's private key", path: true }, plainText)),
    tlsKeyPassphrase: z.optional(secret({ help: 'pass phrase of that key' })),
  };
}

/** 64 hexadecimal digits, with colons or without. @returns as Node.js has it: `AB:CD:…` */
export function fingerprint(written: string): string {
  if (!/^(?:[\da-f]{64}|[\da-f]{2}(?::[\da-f]{2}){31})$/i.test(written))
    throw new UserError('is not the SHA-256 fingerprint of a certificate', {
      hint: 'It has 64 hexadecimal digits, as in: openssl x509 -noout -fingerprint -sha256 -in ca.pem',
    });
  return written.replaceAll(':', '').toUpperCase().match(/../g)!.join(':');
}

/** Settings of TLS that exclude each other, or need each other. @param urls where they are for */
export function tlsContradictions(settings: MutualTlsSettings, urls: readonly string[]): Finding[] {
  const { tlsVerify, tlsCa, tlsFingerprint, tlsCert, tlsKey, tlsKeyPassphrase } = settings;
  const found: Finding[] = [];
  const add = (path: keyof MutualTlsSettings, message: string) => found.push({ path: [path], message });
  if (tlsFingerprint !== undefined && tlsVerify === false)
    add('tlsVerify', 'a fingerprint cannot be verified when verification is off: leave tlsVerify out');
  if (tlsFingerprint !== undefined && tlsCa !== undefined)
    add('tlsFingerprint', 'tlsCa and tlsFingerprint both say whom to trust: leave one of them out');
  if (tlsCert !== undefined && tlsKey === undefined)
    add('tlsCert', 'a certificate needs its private key: set tlsKey');
  if (tlsKey !== undefined && tlsCert === undefined)
    add('tlsKey', 'a private key needs its certificate: set tlsCert');
  if (tlsKeyPassphrase !== undefined && tlsKey === undefined)
    add('tlsKeyPassphrase', 'a pass phrase needs the key that it is for: set tlsKey');
  const needed = (['tlsFingerprint', 'tlsCert'] as const).find((name) => settings[name] !== undefined);
  if (needed !== undefined && urls.some((url) => url.startsWith('http:')))
    add(needed, 'is of use only with TLS: write https:// in the URL');
  return found;
}
