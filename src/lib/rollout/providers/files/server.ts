/** The server that reads the file. Nothing here changes files. */
export interface RouteServer {
  /**
   * Asked before anything is changed. `content`: what the file is to be.
   * @throws ServiceUnavailable, ServiceRefused when the server could not take a new file
   */
  prepare(content: Buffer, signal: AbortSignal): Promise<Turn>;
}

/** One change of the file, as its server goes through it. Each wait has an end of its own. */
export interface Turn {
  /** The new file is in place: resolves when it is what new requests see. @throws ServiceUnavailable, ServiceRefused */
  take(): Promise<void>;
  /** The old file is back in place. */
  takeBack(): Promise<void>;
}
