export declare function pruneDeclarations(folder: string, entries: readonly string[]): Promise<void>;
