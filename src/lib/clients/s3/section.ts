import * as z from 'zod/mini';

import { section } from '../../core/schema/section.js';
import { secret, text, url, yesNo } from '../../core/schema/setting.js';
import { readUrl } from '../../core/url.js';
import { serviceUrl } from '../../http/url-shapes.js';
import { tlsSettings } from '../tls.js';

/** What the configuration says of S3. What it leaves out, the variables of AWS say. */
export const s3Section = section({
  key: 's3',
  system: 'S3',
  usualAddress: 'http://127.0.0.1:9000',
  schema: z.strictObject({
    endpoint: z.optional(
      url(serviceUrl.schemes, (written) => readUrl(written, { ...serviceUrl, parts: [] }), {
        help: 'URL of a store that speaks S3. Without it `AWS_ENDPOINT_URL_S3`, or AWS itself',
        address: true,
      }),
    ),
    region: z.optional(text({ help: 'region of the buckets. Without it `AWS_REGION`, or us-east-1' })),
    pathStyle: z.optional(
      yesNo({ help: "true: the bucket is in the path, not in the host's name. Default with an endpoint" }),
    ),
    accessKeyId: z.optional(secret({ help: 'access key' })),
    secretAccessKey: z.optional(secret({ help: 'secret access key' })),
    sessionToken: z.optional(secret({ help: 'token of temporary credentials' })),
    ...tlsSettings(),
  }),
});
