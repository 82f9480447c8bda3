/* A test process whose run was killed ends at once, and with it (process.ts) the servers that it started. */
process.once('disconnect', () => process.exit(1));
