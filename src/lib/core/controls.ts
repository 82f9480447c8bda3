/**
 * What would move a terminal's cursor, rename its window or turn the order of letters around, when a key, pod or error
 * message carries it: C0, DEL, C1, and the controls of bidirectional text (UAX #9).
 */
// eslint-disable-next-line no-control-regex -- these are meant
export const controls = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
