import type { SearchEngine } from '../cache-folder.js';

export interface EngineSources {
  readonly artifacts: readonly string[];
  readonly launcher: string;
  readonly sources: readonly string[];
}
export declare const ENGINES: Readonly<Record<SearchEngine, EngineSources>>;
export declare function artifacts(engine: SearchEngine): string[];
export declare function isSolr(engine: SearchEngine): boolean;
export interface NodeOptions {
  readonly folder?: string;
  readonly home: string;
  readonly port: number;
  readonly settings?: Readonly<Record<string, unknown>>;
}
export declare function nodeArguments(engine: SearchEngine, options: NodeOptions): string[];
export declare function javaOptions(folder: string, heap: string): string[];
export declare function nativeFolder(folder: string): string;
export declare function classArchive(folder: string): string;
