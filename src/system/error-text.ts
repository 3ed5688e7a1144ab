/** What an error says: anything can be thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Gives the first line of it. */
export function errorLine(error: unknown): string {
  return errorText(error).split('\n', 1)[0] ?? '';
}
