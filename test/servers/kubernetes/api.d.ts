/** Where the API server is, and as whom one talks to it. */
export interface Connection {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows its objects
export type KubernetesObject = any;

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

export interface Api {
  /** The answer's JSON. Throws an error with `status` when it is none of 2xx. */
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<KubernetesObject>;
  /** Server-side apply, with force. `namespace` is for objects that name none and whose kind has one. */
  apply(
    object: KubernetesObject,
    options?: { namespace?: string; manager?: string },
  ): Promise<KubernetesObject>;
  /** The objects that exist, then every change. After a break it starts again and tells what it missed. */
  watch(path: string, onEvent: (event: WatchEvent) => void): { stop(): void };
}

export declare function connectApi(connection: Connection): Api;
export declare function pathOf(object: KubernetesObject, namespace?: string): string;
