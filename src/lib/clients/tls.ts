import * as z from 'zod/mini';

import { text, yesNo } from '../core/schema/setting.js';
import { plainText } from '../core/schema/values.js';

/** The settings of TLS, for the section of any system that has it. */
export function tlsSettings() {
  return {
    tlsVerify: z.optional(yesNo({ help: 'false switches the verification of certificates off' })),
    tlsCa: z.optional(text({ help: 'PEM file with the authorities to trust', path: true }, plainText)),
  };
}
