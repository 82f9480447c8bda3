import { decodeKey, header, type SignedRequests } from './signed-requests.js';
import { elements, elementText, escapeXml } from './xml.js';

export interface S3Part {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
}

export interface S3Upload {
  readonly key: string;
  readonly uploadId: string;
}

/** Multipart uploads: objects that readers do not see before they are completed. */
export class S3Uploads {
  readonly #requests: SignedRequests;

  constructor(requests: SignedRequests) {
    this.#requests = requests;
  }

  /** All multipart uploads below a prefix that were neither completed nor aborted. */
  async *list(prefix: string): AsyncGenerator<S3Upload> {
    for (let marker: Record<string, string> | undefined = {}; marker !== undefined;) {
      const query = { uploads: '', prefix, 'encoding-type': 'url', ...marker };
      const { body } = await this.#requests.send({ method: 'GET', query, verb: 'list the uploads of' });
      const xml = body.toString('utf8');
      for (const one of elements(xml, 'Upload'))
        yield { key: decodeKey(elementText(one, 'Key')!), uploadId: elementText(one, 'UploadId')! };
      const key = elementText(xml, 'NextKeyMarker');
      marker =
        elementText(xml, 'IsTruncated') === 'true' && key
          ? { 'key-marker': decodeKey(key), 'upload-id-marker': elementText(xml, 'NextUploadIdMarker') ?? '' }
          : undefined;
    }
  }

  /** Begins a multipart upload: readers see nothing of it before it is completed. @param metadata of the object */
  async create(key: string, metadata: Readonly<Record<string, string>>): Promise<string> {
    const headers = Object.fromEntries(
      Object.entries(metadata).map(([k, value]) => [`x-amz-meta-${k}`, value]),
    );
    const { body } = await this.#requests.send({
      method: 'POST',
      key,
      query: { uploads: '' },
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      verb: 'begin to write',
    });
    return elementText(body.toString('utf8'), 'UploadId')!;
  }

  /** @param number from 1 to 10,000 @param body at least 5 MiB, but for the last part @returns its ETag */
  async sendPart({ key, uploadId }: S3Upload, number: number, body: Buffer): Promise<string> {
    const answer = await this.#requests.send({
      method: 'PUT',
      key,
      query: { partNumber: String(number), uploadId },
      headers: { 'content-type': 'application/octet-stream' },
      body,
      verb: 'write',
    });
    return header(answer, 'etag');
  }

  /** Makes the object of the parts. @returns false when there is no such upload: it was completed before, or aborted */
  async complete({ key, uploadId }: S3Upload, parts: readonly S3Part[]): Promise<boolean> {
    const list = parts
      .map(
        ({ number, etag }) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
      )
      .join('');
    const answer = await this.#requests.send({
      method: 'POST',
      key,
      query: { uploadId },
      headers: { 'content-type': 'application/xml' },
      body: `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`,
      expected: ['NoSuchUpload'],
      verb: 'complete',
    });
    return answer.status === 200;
  }

  /** Removes the parts of an upload, if it is there. */
  async abort({ key, uploadId }: S3Upload): Promise<void> {
    const query = { uploadId };
    await this.#requests.send({ method: 'DELETE', key, query, expected: ['NoSuchUpload'], verb: 'give up' });
  }

  /** Whether it was neither completed nor aborted. */
  async exists({ key, uploadId }: S3Upload): Promise<boolean> {
    const query = { uploadId, 'max-parts': '1' };
    const answer = await this.#requests.send({
      method: 'GET',
      key,
      query,
      expected: ['NoSuchUpload'],
      verb: 'list the parts of',
    });
    return answer.status === 200;
  }
}
